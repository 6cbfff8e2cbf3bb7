-- Receipts of messages that no client sends again any more, some at a time. In the order of ids, which
-- is about that of their times: the index is the primary key's, and the newest are never looked at.
DELETE FROM events_eventreceipt
WHERE id IN (
    SELECT id
    FROM events_eventreceipt
    WHERE received_at < now() - %(receipts_kept)s AND source <> 'engine'
    ORDER BY id
    LIMIT %(limit)s
)

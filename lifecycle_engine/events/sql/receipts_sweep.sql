-- Receipts of messages that no client sends again any more, some at a time. The index says which blocks
-- of the table hold any that old, so the newer ones are not looked at.
DELETE FROM events_eventreceipt
WHERE id IN (
    SELECT id
    FROM events_eventreceipt
    WHERE received_at < now() - %(receipts_kept)s AND source <> 'engine'
    LIMIT %(limit)s
)

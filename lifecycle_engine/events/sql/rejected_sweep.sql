-- Rejected events that have been kept long enough, some at a time.
DELETE FROM events_rejectedevent
WHERE id IN (
    SELECT id
    FROM events_rejectedevent
    WHERE received_at < now() - %(rejected_kept)s
    LIMIT %(limit)s
)

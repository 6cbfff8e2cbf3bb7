-- One row: the id of a due message that now belongs to the claim. Rows that another worker is
-- claiming at this moment are passed over, not waited for.
UPDATE messaging_message AS message
SET
    state = 'claimed',
    claim = %(claim)s,
    lease_until = NOW() + %(lease)s
FROM
    (
        SELECT id
        FROM messaging_message
        WHERE state = 'queued' AND due_at <= NOW()
        ORDER BY due_at, id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS due
WHERE message.id = due.id
RETURNING message.id

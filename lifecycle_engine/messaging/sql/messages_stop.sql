-- No rows: claimed messages that must not be sent leave the outbox, each with its reason.
UPDATE messaging_message AS message
SET state = 'suppressed', reason = stopped.reason, lease_until = NULL
FROM UNNEST(%(ids)s::uuid [], %(reasons)s::text []) AS stopped (id, reason)
WHERE message.id = stopped.id

-- Put aside what a batch of the log says of attributes. One row is one value.
INSERT INTO attributes_said (name, value, event_id, txid, source, occurred_at)
SELECT member.key, member.value, event.id, event.txid, event.source, event.occurred_at
FROM events_event AS event
CROSS JOIN LATERAL jsonb_each(event.properties) AS member
WHERE (event.txid, event.id) > (%(after_txid)s, %(after_id)s)
    AND (event.txid, event.id) <= (%(upto_txid)s, %(upto_id)s)
    AND event.name = %(identify)s
    AND jsonb_typeof(member.value) <> 'null'
    AND CHAR_LENGTH(member.key) BETWEEN 1 AND 200
    AND member.key <> ALL(%(columns)s::text[]);

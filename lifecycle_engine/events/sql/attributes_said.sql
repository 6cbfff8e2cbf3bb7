-- Put aside what a batch says of attributes. One row is one value, with its kind and its place in the
-- log.
DROP TABLE IF EXISTS pg_temp.attributes_said;
CREATE TEMPORARY TABLE attributes_said ON COMMIT DROP AS
SELECT
    member.key AS name,
    CASE jsonb_typeof(member.value)
        WHEN 'string'
            THEN CASE
                WHEN member.value #>> '{}' ~ %(moment)s THEN 'moment'
                ELSE 'text'
            END
        WHEN 'array' THEN 'list'
        ELSE jsonb_typeof(member.value)
    END AS kind,
    event.id AS event_id,
    event.txid,
    event.source,
    event.occurred_at
FROM events_event AS event
CROSS JOIN LATERAL jsonb_each(event.properties) AS member
WHERE (event.txid, event.id) > (%(after_txid)s, %(after_id)s)
    AND (event.txid, event.id) <= (%(upto_txid)s, %(upto_id)s)
    AND event.name = %(identify)s
    AND jsonb_typeof(member.value) <> 'null'
    AND CHAR_LENGTH(member.key) BETWEEN 1 AND 200
    AND member.key <> ALL(%(columns)s::text[]);

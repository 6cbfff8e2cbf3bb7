-- How far the readers are behind. One row is one reader.
SELECT
    reader.name,
    behind.rows,
    coalesce(extract(epoch FROM now() - oldest.received_at), 0)::float8 AS seconds,
    reader.read_total,
    reader.moved_at,
    reader.error
FROM events_reader AS reader
CROSS JOIN LATERAL (
    SELECT count(*) AS rows
    FROM (
        SELECT
        FROM events_event
        WHERE (txid, id)
            > (reader.txid, coalesce(reader.event_id, '00000000-0000-0000-0000-000000000000'))
        LIMIT %(counted_to)s
    ) AS unread
) AS behind
LEFT JOIN LATERAL (
    SELECT received_at
    FROM events_event
    WHERE (txid, id)
        > (reader.txid, coalesce(reader.event_id, '00000000-0000-0000-0000-000000000000'))
    ORDER BY txid, id
    LIMIT 1
) AS oldest ON true
WHERE %(names)s::text[] IS NULL OR reader.name = ANY(%(names)s::text[])
ORDER BY reader.name;

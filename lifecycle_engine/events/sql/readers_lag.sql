-- How far the readers are behind, and how they are. One row is one reader.
-- Counts stop at a limit: no page that staff open counts a table.
SELECT
    reader.name,
    behind.rows,
    coalesce(extract(epoch FROM now() - oldest.received_at), 0)::float8 AS seconds,
    reader.read_total,
    reader.moved_at,
    reader.error,
    reader.failed_at,
    reader.failures,
    reader.retry_at,
    aside.events AS quarantined,
    CASE
        WHEN reader.stuck_at IS NOT NULL THEN 'stuck'
        WHEN reader.suspects IS NOT NULL THEN 'searching'
        WHEN reader.retry_at IS NOT NULL THEN 'waiting'
        ELSE 'reading'
    END AS state
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
CROSS JOIN LATERAL (
    SELECT count(*) AS events
    FROM (
        SELECT
        FROM events_quarantinedevent
        WHERE reader_id = reader.id AND state = 'open'
        LIMIT %(counted_to)s
    ) AS unresolved
) AS aside
WHERE %(names)s::text[] IS NULL OR reader.name = ANY(%(names)s::text[])
ORDER BY reader.name;

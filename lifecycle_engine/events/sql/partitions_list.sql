-- The tables of the log's months, newest first. One row is one of them. Rows are PostgreSQL's own estimate:
-- no page that staff open counts a table.
SELECT
    part.relname,
    link.inhrelid IS NOT NULL AS attached,
    coalesce(link.inhdetachpending, false) AS detaching,
    part.reltuples::bigint AS rows,
    pg_total_relation_size(part.oid) AS bytes
FROM pg_class AS part
JOIN pg_class AS log ON log.oid = 'events_event'::regclass AND log.relnamespace = part.relnamespace
LEFT JOIN pg_inherits AS link ON link.inhrelid = part.oid AND link.inhparent = log.oid
WHERE part.relkind = 'r' AND part.relname ~ '^events_event_[0-9]{4}_[0-9]{2}$'
ORDER BY part.relname DESC;

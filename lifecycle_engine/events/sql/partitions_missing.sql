-- Which of the named partitions are not part of the log. One row is one of them.
SELECT name
FROM unnest(%(names)s::text[]) AS name
WHERE NOT EXISTS (
    SELECT
    FROM pg_inherits
    WHERE inhparent = 'events_event'::regclass AND inhrelid = to_regclass(name)
)
ORDER BY name;

-- One row: a segment whose lock this session gives back.
SELECT id, pg_advisory_unlock(hashtextextended('segment:' || id, 0))
FROM unnest(%(segment_ids)s::bigint[]) AS id

-- One row: a segment, and whether its lock was free and is now held by this session. The name is the
-- one that segment_lock takes.
SELECT id, pg_try_advisory_lock(hashtextextended('segment:' || id, 0))
FROM unnest(%(segment_ids)s::bigint[]) AS id

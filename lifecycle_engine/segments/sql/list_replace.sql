-- Makes these profiles the segment's list; whoever is on it already stays since when they are.
WITH wanted AS (
    SELECT DISTINCT unnest(%(profile_ids)s::bigint[]) AS customer_id
), gone AS (
    DELETE FROM segments_listedprofile AS listed
    WHERE listed.segment_id = %(segment_id)s
        AND NOT EXISTS (SELECT 1 FROM wanted WHERE wanted.customer_id = listed.customer_id)
)
INSERT INTO segments_listedprofile (segment_id, customer_id, listed_at)
SELECT %(segment_id)s, wanted.customer_id, %(at)s
FROM wanted
ON CONFLICT (segment_id, customer_id) DO NOTHING

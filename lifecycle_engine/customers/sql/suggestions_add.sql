-- Note that pairs of customers may be one person. One row touched is one pair that is new, or that
-- was last seen so long ago that it is worth a write.
INSERT INTO customers_mergesuggestion AS known (first_id, second_id, cause, dismissed_by)
SELECT DISTINCT least(one, other), greatest(one, other), %(cause)s, ''
FROM unnest(%(ones)s::bigint[], %(others)s::bigint[]) AS pair (one, other)
WHERE one <> other
ORDER BY 1, 2
ON CONFLICT (first_id, second_id, cause) DO UPDATE SET seen_at = now()
WHERE known.seen_at < now() - interval '1 hour';

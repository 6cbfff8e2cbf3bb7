-- The newest entry of each customer for a channel and purpose, among those of all profiles that were
-- merged into one; of a yes and a no of the same moment the no. One row is one of the customers asked
-- for whose newest entry is a yes that has not expired.
WITH asked AS (
    SELECT id, COALESCE(merged_into_id, id) AS root_id
    FROM customers_customer
    WHERE id = ANY(%(customer_ids)s::bigint[])
),

profile AS (
    SELECT root_id, root_id AS id FROM asked
    UNION
    SELECT part.merged_into_id, part.id
    FROM customers_customer AS part
    WHERE part.merged_into_id IN (SELECT root_id FROM asked)
),

newest AS (
    SELECT DISTINCT ON (profile.root_id) profile.root_id, entry.granted, entry.expires_at
    FROM profile
    INNER JOIN customers_consent AS entry ON entry.customer_id = profile.id
    WHERE entry.channel = %(channel)s
        AND entry.purpose = %(purpose)s
        AND entry.recorded_at <= %(at)s
    ORDER BY profile.root_id, entry.recorded_at DESC, entry.granted
)

SELECT asked.id
FROM asked
INNER JOIN newest USING (root_id)
WHERE newest.granted AND (newest.expires_at IS NULL OR newest.expires_at > %(at)s);

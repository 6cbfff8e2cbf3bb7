-- The newest entry of each customer for a channel and purpose; of a yes and a no of the same moment
-- the no. One row is one customer whose newest entry is a yes that has not expired.
SELECT customer_id
FROM (
    SELECT DISTINCT ON (customer_id) customer_id, granted, expires_at
    FROM customers_consent
    WHERE customer_id = ANY(%(customer_ids)s::bigint[])
        AND channel = %(channel)s
        AND purpose = %(purpose)s
        AND recorded_at <= %(at)s
    ORDER BY customer_id, recorded_at DESC, granted
) AS newest
WHERE granted AND (expires_at IS NULL OR expires_at > %(at)s);

-- The newest entry of each customer for a channel and purpose. One row is one customer who grants.
SELECT customer_id
FROM (
    SELECT DISTINCT ON (customer_id) customer_id, granted
    FROM customers_consent
    WHERE customer_id = ANY(%(customer_ids)s::bigint[])
        AND channel = %(channel)s
        AND purpose = %(purpose)s
        AND recorded_at <= %(at)s
    ORDER BY customer_id, recorded_at DESC
) AS newest
WHERE granted;

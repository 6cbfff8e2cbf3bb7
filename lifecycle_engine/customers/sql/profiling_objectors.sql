-- One row is one customer whose newest word on profiling is no. A yes that has expired is no word:
-- the no before it stands again. Without a time: as things stand, whenever it was said.
SELECT customer_id
FROM (
    SELECT DISTINCT ON (customer_id) customer_id, granted
    FROM customers_consent
    WHERE purpose = 'profiling'
        AND recorded_at <= COALESCE(%(at)s::timestamptz, 'infinity')
        AND (expires_at IS NULL OR expires_at > COALESCE(%(at)s::timestamptz, NOW()))
    ORDER BY customer_id, recorded_at DESC, granted
) AS newest
WHERE NOT granted;

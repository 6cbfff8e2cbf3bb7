-- One row is one customer whose newest word on profiling, whenever it was said, is no. A yes that
-- has expired is no word.
SELECT customer_id
FROM (
    SELECT DISTINCT ON (customer_id) customer_id, granted
    FROM customers_consent
    WHERE purpose = 'profiling' AND (expires_at IS NULL OR expires_at > NOW())
    ORDER BY customer_id, recorded_at DESC, granted, id DESC
) AS newest
WHERE NOT granted

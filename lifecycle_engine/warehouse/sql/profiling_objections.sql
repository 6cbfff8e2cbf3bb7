-- One row is one customer whose newest word on profiling, whenever it was said, is no.
SELECT customer_id
FROM (
    SELECT DISTINCT ON (customer_id) customer_id, granted
    FROM customers_consent
    WHERE purpose = 'profiling'
    ORDER BY customer_id, recorded_at DESC, id DESC
) AS newest
WHERE NOT granted

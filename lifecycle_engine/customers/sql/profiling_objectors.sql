-- The newest entry on profiling of each customer. One row is one customer who objects.
SELECT customer_id
FROM (
    SELECT DISTINCT ON (customer_id) customer_id, granted
    FROM customers_consent
    WHERE purpose = 'profiling' AND recorded_at <= %(at)s
    ORDER BY customer_id, recorded_at DESC
) AS newest
WHERE NOT granted;

-- How many customers stand in each lifecycle stage. One row is one stage.
SELECT stage, count(*) AS customers
FROM segments_customerstage
JOIN customers_customer AS customer ON customer.id = customer_id
WHERE customer.merged_into_id IS NULL
GROUP BY stage;

-- Give the staged customers that are named by number their id. One row touched is one of them.
UPDATE customers_staged SET customer_id = known.id
FROM customers_customer AS known
WHERE customers_staged.customer_id IS NULL AND known.external_id = customers_staged.external_id;

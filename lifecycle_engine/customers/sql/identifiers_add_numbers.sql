-- Enter the customers' own numbers as identifiers. One row touched is one new identifier.
INSERT INTO customers_identifier (customer_id, kind, value)
SELECT id, 'user_id', external_id
FROM customers_customer
WHERE external_id = ANY(%(numbers)s::text[])
ORDER BY external_id
ON CONFLICT (kind, value) DO NOTHING;

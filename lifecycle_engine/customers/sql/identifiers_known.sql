-- Which customers the identifiers name. One row is one known identifier.
SELECT value, customer_id
FROM customers_identifier
WHERE kind = %(kind)s AND value = ANY(%(values)s::text[]);

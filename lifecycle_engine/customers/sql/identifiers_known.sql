-- Which customers the identifiers name. One row is one known identifier.
-- The values come as JSON: psycopg takes far longer over an array of texts.
SELECT value, customer_id
FROM customers_identifier
WHERE kind = %(kind)s AND value IN (SELECT json_array_elements_text(%(values)s::json));

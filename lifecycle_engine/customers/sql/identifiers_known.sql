-- Which customers the identifiers name. One row is one known identifier.
-- The values come as JSON: psycopg takes far longer over an array of texts.
-- The limit keeps this a look into the index for each value. Without it the planner joins, and reads
-- every identifier of a shop of a few thousand customers for each request of a hundred events.
SELECT given.value, known.customer_id
FROM json_array_elements_text(%(values)s::json) AS given (value)
CROSS JOIN LATERAL (
    SELECT customer_id FROM customers_identifier
    WHERE kind = %(kind)s AND value = given.value
    LIMIT 1
) AS known;

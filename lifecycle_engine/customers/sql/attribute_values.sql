-- How many of the newest customers have each value of an attribute, the most frequent first. One row
-- is one value.
SELECT value, COUNT(*)
FROM (
    SELECT attributes -> %(name)s AS said, attributes ->> %(name)s AS value
    FROM customers_customer
    ORDER BY id DESC
    LIMIT %(sample)s
) AS newest
WHERE jsonb_typeof(said) IN ('string', 'number', 'boolean')
    AND CHAR_LENGTH(value) <= %(characters)s
    AND STARTS_WITH(LOWER(value), %(prefix)s)
GROUP BY value
ORDER BY COUNT(*) DESC, value
LIMIT %(limit)s;

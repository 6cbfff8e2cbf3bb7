-- Pairs of customers who share an address or a number, some at a time. One row touched is one pair
-- that is new. An address that many share, such as one of a till, joins nobody.
INSERT INTO customers_mergesuggestion (first_id, second_id, cause, dismissed_by)
SELECT one.id, other.id, shared.cause, ''
FROM (
    SELECT 'email' AS cause, email_hash AS hash
    FROM customers_customer
    WHERE email_hash <> '' AND merged_into_id IS NULL
    GROUP BY email_hash
    HAVING count(*) BETWEEN 2 AND %(shared_by_at_most)s
    UNION ALL
    SELECT 'phone', phone_hash
    FROM customers_customer
    WHERE phone_hash <> '' AND merged_into_id IS NULL
    GROUP BY phone_hash
    HAVING count(*) BETWEEN 2 AND %(shared_by_at_most)s
) AS shared
JOIN customers_customer AS one
    ON CASE shared.cause WHEN 'email' THEN one.email_hash ELSE one.phone_hash END = shared.hash
JOIN customers_customer AS other
    ON CASE shared.cause WHEN 'email' THEN other.email_hash ELSE other.phone_hash END = shared.hash
WHERE one.id < other.id AND one.merged_into_id IS NULL AND other.merged_into_id IS NULL
    AND NOT EXISTS (
        SELECT FROM customers_mergesuggestion AS known
        WHERE known.first_id = one.id AND known.second_id = other.id AND known.cause = shared.cause
    )
LIMIT %(limit)s
ON CONFLICT (first_id, second_id, cause) DO NOTHING;

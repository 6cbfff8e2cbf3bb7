-- One row is a pair of classes and how many customers were in the first at one run and are in the
-- second at the scorer's newest. The first is the newest in the history as of then, the second what
-- is published; either is null for who was not scored. Left out is who was erased or merged since.
-- The history does not tell of who lost a score before the first run and never got one again: they
-- count as if they had still been in their last class then.
SELECT
    earlier.value::bigint AS before,
    current.value::bigint AS after,
    count(*) AS customers
FROM (
    SELECT DISTINCT ON (history.customer_id) history.customer_id, history.value
    FROM scoring_scorehistory AS history
    WHERE history.scorer_key = %(scorer_key)s AND history.as_of <= %(before)s
    ORDER BY history.customer_id, history.as_of DESC
) AS earlier
FULL JOIN (
    SELECT score.customer_id, score.value
    FROM scoring_score AS score
    WHERE score.scorer_key = %(scorer_key)s AND score.as_of = %(after)s
) AS current ON current.customer_id = earlier.customer_id
JOIN customers_customer AS customer
    ON customer.id = coalesce(current.customer_id, earlier.customer_id)
WHERE customer.erased_at IS NULL AND customer.merged_into_id IS NULL
GROUP BY earlier.value, current.value
ORDER BY count(*) DESC, earlier.value, current.value

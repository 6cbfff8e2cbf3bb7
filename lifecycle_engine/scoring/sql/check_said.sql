-- One row is what a run said of one of every so many customers, from the history of scores that
-- moved: the newest as of then, if it is of the run's model. Left out is who was erased or merged.
SELECT newest.customer_id, newest.value
FROM (
    SELECT DISTINCT ON (history.customer_id)
        history.customer_id, history.value, history.model_version_id
    FROM scoring_scorehistory AS history
    WHERE history.scorer_key = %(scorer_key)s
        AND history.as_of <= %(as_of)s
        AND history.customer_id %% %(every)s::bigint = 0
    ORDER BY history.customer_id, history.as_of DESC
) AS newest
JOIN customers_customer AS customer ON customer.id = newest.customer_id
WHERE newest.model_version_id = %(model_version_id)s
    AND customer.erased_at IS NULL
    AND customer.merged_into_id IS NULL
ORDER BY newest.customer_id

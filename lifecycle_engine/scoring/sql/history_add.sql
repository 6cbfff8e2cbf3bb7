-- One row is a score that is another one from this run's moment on.
INSERT INTO scoring_scorehistory (
    customer_id, scorer_key, value, percentile, model_version_id, as_of
)
SELECT customer_id, %(scorer_key)s, value, percentile, %(model_version_id)s, %(as_of)s
FROM score_incoming
WHERE moved

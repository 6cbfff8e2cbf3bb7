-- One row is the score of a customer who had none.
INSERT INTO scoring_score (
    customer_id, scorer_key, value, percentile, model_version_id, as_of, scored_at
)
SELECT customer_id, %(scorer_key)s, value, percentile, %(model_version_id)s, %(as_of)s, now()
FROM score_incoming
WHERE score_id IS NULL

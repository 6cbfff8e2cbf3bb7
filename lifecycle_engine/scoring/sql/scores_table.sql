-- One row is a customer's newest score by one scorer.
SELECT customer_id, scorer_key, value, percentile, model_version_id, as_of
FROM scoring_score

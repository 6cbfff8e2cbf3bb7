-- One row is one of a scorer's customers, drawn by chance but the same each time.
SELECT customer_id
FROM scoring_score
WHERE scorer_key = %(scorer_key)s AND model_version_id = %(model_version_id)s AND as_of = %(as_of)s
ORDER BY hashint8extended(customer_id, 0)
LIMIT %(limit)s

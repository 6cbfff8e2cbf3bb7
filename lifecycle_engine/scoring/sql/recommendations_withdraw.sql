-- One row is a recommendation for a customer for whom the run had none.
DELETE FROM scoring_recommendation AS current
WHERE current.scorer_key = %(scorer_key)s
    AND current.as_of <= %(as_of)s
    AND NOT EXISTS (
        SELECT FROM recommendation_incoming AS incoming
        WHERE incoming.customer_id = current.customer_id
    )

-- One row is a score of a customer whom the run did not score: who objected to profiling, or is no
-- longer of the scorer's population.
DELETE FROM scoring_score AS current
WHERE current.scorer_key = %(scorer_key)s
    AND current.as_of <= %(as_of)s
    AND NOT EXISTS (
        SELECT FROM score_incoming AS incoming WHERE incoming.customer_id = current.customer_id
    )

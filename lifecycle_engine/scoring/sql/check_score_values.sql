-- One row is one of every so many customers' published score of a run.
SELECT value
FROM scoring_score
WHERE scorer_key = %(scorer_key)s
    AND as_of = %(as_of)s
    AND customer_id %% %(every)s::bigint = 0

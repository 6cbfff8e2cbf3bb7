-- One row is the reasons of a score that is no more: of an older run, of another model, or of a
-- customer who is not scored any longer.
DELETE FROM scoring_scorereasons AS reasons
WHERE reasons.scorer_key = %(scorer_key)s
    AND NOT EXISTS (
        SELECT FROM scoring_score AS score
        WHERE score.scorer_key = reasons.scorer_key
            AND score.customer_id = reasons.customer_id
            AND score.model_version_id = reasons.model_version_id
            AND score.as_of = reasons.as_of
    )

-- One row is a score that is another one now, or of a later moment.
UPDATE scoring_score AS current
SET value = incoming.value,
    percentile = incoming.percentile,
    model_version_id = %(model_version_id)s,
    as_of = %(as_of)s,
    scored_at = now()
FROM score_incoming AS incoming
WHERE current.id = incoming.score_id AND incoming.differs

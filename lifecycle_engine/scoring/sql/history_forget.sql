-- One row is a score of the same moment that an earlier run came to, and this one comes to another.
-- Nearly always there is none, and asking is cheaper than an ON CONFLICT for each row that is added.
DELETE FROM scoring_scorehistory AS earlier
USING score_incoming AS incoming
WHERE earlier.scorer_key = %(scorer_key)s
    AND earlier.as_of = %(as_of)s
    AND earlier.customer_id = incoming.customer_id
    AND incoming.moved

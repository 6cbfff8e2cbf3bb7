-- Removes what a run has staged; one row is one customer's score.
DELETE FROM scoring_incoming WHERE run_id = %(run_id)s

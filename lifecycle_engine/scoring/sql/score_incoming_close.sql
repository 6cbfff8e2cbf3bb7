-- A customer has one score, whatever the scorer's population says twice. And the planner is told how
-- many rows the temporary table has, which nobody else does.
CREATE UNIQUE INDEX score_incoming_customer ON score_incoming (customer_id);
ANALYZE score_incoming

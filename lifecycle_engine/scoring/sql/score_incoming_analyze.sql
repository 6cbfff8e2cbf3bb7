-- Tells the planner how many rows the temporary table has, which nobody else does.
ANALYZE score_incoming

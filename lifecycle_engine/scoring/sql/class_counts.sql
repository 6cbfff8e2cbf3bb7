-- One row is a class that a run puts customers in, and how many.
SELECT value::bigint::text, count(*)
FROM score_incoming
GROUP BY value

-- No row: the stages may be computed again in the same transaction.
DROP TABLE stage_now

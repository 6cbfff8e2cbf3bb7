-- No row: another segment may be written in the same transaction.
DROP TABLE segment_evaluated

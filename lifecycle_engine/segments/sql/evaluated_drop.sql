-- No row: others may be written in the same transaction.
DROP TABLE segment_asked, segment_member

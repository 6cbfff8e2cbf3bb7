-- No row: the profiles that are set aside are put on the list; who is on it stays since when they are.
INSERT INTO segments_listedprofile (segment_id, customer_id, listed_at)
SELECT %(segment_id)s, s.customer_id, %(at)s
FROM segments_stagedprofile s
WHERE s.imported_id = %(import_id)s
ON CONFLICT (segment_id, customer_id) DO NOTHING

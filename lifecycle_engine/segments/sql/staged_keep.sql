-- No row: whoever is not set aside is taken off the list.
DELETE FROM segments_listedprofile l
WHERE l.segment_id = %(segment_id)s
  AND NOT EXISTS (
      SELECT FROM segments_stagedprofile s
      WHERE s.imported_id = %(import_id)s AND s.customer_id = l.customer_id
  )

-- No row: the customers whose profiles are set aside are taken off the list with all their profiles.
DELETE FROM segments_listedprofile l
USING customers_customer c
WHERE l.segment_id = %(segment_id)s AND c.id = l.customer_id
  AND coalesce(c.merged_into_id, c.id) IN (
      SELECT coalesce(named.merged_into_id, named.id)
      FROM segments_stagedprofile s
      JOIN customers_customer named ON named.id = s.customer_id
      WHERE s.imported_id = %(import_id)s
  )

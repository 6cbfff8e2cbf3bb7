-- No row: profiles that a file for a list names are set aside; the number of rows is that of new ones.
INSERT INTO segments_stagedprofile (imported_id, customer_id)
SELECT %(import_id)s, customer_id FROM unnest(%(profile_ids)s::bigint[]) AS customer_id
ON CONFLICT (imported_id, customer_id) DO NOTHING

-- No row: customers whom segments that are being computed have to look at afterwards.
INSERT INTO segments_touchedcustomer (customer_id, segment_id, due_at)
SELECT customer_id, segment_id, %(at)s
FROM unnest(%(customer_ids)s::bigint[]) AS customer_id
CROSS JOIN unnest(%(segment_ids)s::bigint[]) AS segment_id

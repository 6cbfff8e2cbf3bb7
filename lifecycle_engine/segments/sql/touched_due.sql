-- One row: a customer with news, and the one segment that has to take it in, if it is not all.
-- segment_ids are those that are free to do so.
SELECT t.id, t.customer_id, t.segment_id
FROM segments_touchedcustomer t
WHERE t.due_at <= %(at)s AND t.asked_at IS NULL AND (t.segment_id IS NULL OR t.segment_id = ANY (%(segment_ids)s))
ORDER BY t.due_at, t.id
LIMIT %(limit)s

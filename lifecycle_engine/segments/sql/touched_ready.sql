-- One row: a touched customer whose news the columnar copy has.
SELECT t.id, t.customer_id
FROM segments_touchedcustomer t
WHERE t.txid = 0
   OR (t.txid, t.event_id) <= (
       SELECT w.txid, w.event_id FROM events_reader w WHERE w.name = %(warehouse)s
   )
ORDER BY t.id
LIMIT %(limit)s

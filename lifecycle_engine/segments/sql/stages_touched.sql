-- One row: a customer whose stage may be another by a batch of the log: who ordered, was merged or parted,
-- or has no stage yet.
SELECT DISTINCT coalesce(c.merged_into_id, c.id)
FROM events_event e
JOIN customers_customer c ON c.id = e.customer_id
WHERE (e.txid, e.id) > (%(after_txid)s, %(after_id)s) AND (e.txid, e.id) <= (%(upto_txid)s, %(upto_id)s)
  AND (
      e.name = ANY (%(names)s)
      OR NOT EXISTS (
          SELECT FROM segments_customerstage s
          WHERE s.customer_id = coalesce(c.merged_into_id, c.id)
      )
  )

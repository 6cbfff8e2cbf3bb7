-- One row: a profile that became part of a customer, or a customer again, in a batch of the log.
SELECT DISTINCT customer_id
FROM events_event
WHERE (txid, id) > (%(after_txid)s, %(after_id)s) AND (txid, id) <= (%(upto_txid)s, %(upto_id)s)
  AND source = %(source)s AND name = ANY (%(names)s)

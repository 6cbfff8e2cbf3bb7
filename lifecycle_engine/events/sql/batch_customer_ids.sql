-- Whom a batch touches. One row is one customer.
SELECT DISTINCT customer_id
FROM events_event
WHERE (txid, id) > (%(after_txid)s, %(after_id)s) AND (txid, id) <= (%(upto_txid)s, %(upto_id)s)
ORDER BY customer_id;

-- One row: a customer in a batch of the log and from when on that is news: from now on or, where an
-- event lies ahead by business time, once it has happened.
INSERT INTO segments_touchedcustomer (customer_id, due_at)
SELECT DISTINCT customer_id, greatest(%(at)s, occurred_at + interval '1 microsecond')
FROM events_event
WHERE (txid, id) > (%(after_txid)s, %(after_id)s) AND (txid, id) <= (%(upto_txid)s, %(upto_id)s)
UNION
SELECT DISTINCT customer_id, %(at)s::timestamptz
FROM events_event
WHERE (txid, id) > (%(after_txid)s, %(after_id)s) AND (txid, id) <= (%(upto_txid)s, %(upto_id)s)

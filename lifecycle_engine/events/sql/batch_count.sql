-- How many rows a planned batch holds. One row.
SELECT count(*)
FROM events_event
WHERE (txid, id) > (%(after_txid)s, %(after_id)s) AND (txid, id) <= (%(upto_txid)s, %(upto_id)s);

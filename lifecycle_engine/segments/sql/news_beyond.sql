-- One row: a profile with events behind a place in the log, and how many; read only so far.
SELECT customer_id, count(*)
FROM (
    SELECT customer_id
    FROM events_event
    WHERE (txid, id) > (%(txid)s, %(event_id)s)
    ORDER BY txid, id
    LIMIT %(limit)s
) AS page
GROUP BY customer_id

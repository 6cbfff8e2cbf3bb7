-- Where the next batch of a reader ends, and how many rows it holds. One row, or none.
-- Rows of a transaction that is open, or that is younger than one that is open, have to wait: what
-- commits late would otherwise be passed over.
WITH page AS (
    SELECT txid, id
    FROM events_event
    WHERE (txid, id) > (%(txid)s, %(id)s)
        AND txid < (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint
    ORDER BY txid, id
    LIMIT %(limit)s
)
SELECT txid, id, (SELECT count(*) FROM page)
FROM page
ORDER BY txid DESC, id DESC
LIMIT 1;

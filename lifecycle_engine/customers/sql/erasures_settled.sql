-- Erasures in a state that every transaction which was open at the time has ended after. One row is
-- one of them.
SELECT id
FROM customers_erasure
WHERE state = %(state)s
    AND txid < (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint
ORDER BY id;

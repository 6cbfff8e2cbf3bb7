-- The place where consents come in by COPY. One row is one entry for the ledger.
DROP TABLE IF EXISTS pg_temp.consents_staged;
CREATE TEMPORARY TABLE consents_staged (
    position integer NOT NULL,
    customer_id bigint NOT NULL,
    channel varchar(20) NOT NULL,
    purpose varchar(20) NOT NULL,
    granted boolean NOT NULL,
    source varchar(100) NOT NULL,
    text_version varchar(40) NOT NULL,
    recorded_at timestamptz NOT NULL
) ON COMMIT DROP;

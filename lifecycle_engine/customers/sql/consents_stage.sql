-- The place where consents come in by COPY. One row is one entry for the ledger.
DROP TABLE IF EXISTS pg_temp.consents_staged;
CREATE TEMPORARY TABLE consents_staged (
    position integer NOT NULL,
    customer_id bigint NOT NULL,
    channel varchar(20) NOT NULL,
    purpose varchar(70) NOT NULL,
    granted boolean NOT NULL,
    source varchar(200) NOT NULL,
    text_version varchar(40) NOT NULL,
    text_language varchar(12) NOT NULL,
    text text NOT NULL,
    digest varchar(64) NOT NULL,
    ip_address inet,
    user_agent varchar(400) NOT NULL,
    recorded_at timestamptz NOT NULL,
    expires_at timestamptz
) ON COMMIT DROP;

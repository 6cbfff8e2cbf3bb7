-- The place where customers come in by COPY. One row is what is said of one customer, named by
-- customer_id or by external_id.
DROP TABLE IF EXISTS pg_temp.customers_staged;
CREATE TEMPORARY TABLE customers_staged (
    customer_id bigint,
    external_id varchar(200),
    email text,
    email_hash varchar(64),
    phone text,
    phone_hash varchar(64),
    first_name varchar(100),
    last_name varchar(100),
    language varchar(12),
    time_zone varchar(64),
    country varchar(2),
    attributes jsonb NOT NULL,
    created_at timestamptz
) ON COMMIT DROP;

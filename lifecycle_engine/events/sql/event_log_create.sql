-- The event log. One row is one thing that happened. Partitioned by month of occurred_at.
CREATE TABLE events_event (
    id uuid NOT NULL,
    source varchar(100) NOT NULL,
    message_id varchar(100) NOT NULL,
    customer_id bigint NOT NULL,
    name varchar(200) NOT NULL,
    properties jsonb NOT NULL,
    value numeric(14, 2),
    currency varchar(3),
    product_sku varchar(100),
    category varchar(200),
    campaign varchar(100),
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    -- By the client's clock: when it happened, and when it was sent. Null where it did not say.
    original_timestamp timestamptz,
    sent_at timestamptz,
    -- The writing transaction: readers go by it, so that a late commit is never skipped.
    txid bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_event_by_transaction ON events_event (txid, id);
CREATE INDEX events_event_by_customer ON events_event (customer_id, occurred_at DESC);

-- One row is one customer's score of a run that goes on. It is logged like any table: what a shard
-- has staged has to be there after a crash of the server, since the run's row says so.
CREATE TABLE scoring_incoming (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (run_id, customer_id)
)

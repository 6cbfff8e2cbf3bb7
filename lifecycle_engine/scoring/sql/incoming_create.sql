-- One row is one customer's score of a run that goes on. It is logged like any table: what a shard
-- has staged has to be there after a crash of the server, since the run's row says so. No key, which
-- would be half of the staging: that a customer has one score is checked once, when all are there.
CREATE TABLE scoring_incoming (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    value double precision NOT NULL
)

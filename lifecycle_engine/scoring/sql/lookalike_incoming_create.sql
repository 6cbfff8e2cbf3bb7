-- One row is one customer of the ranking that is about to be kept.
CREATE TEMPORARY TABLE lookalike_incoming (
    customer_id bigint PRIMARY KEY,
    rank bigint NOT NULL,
    percentile double precision NOT NULL
) ON COMMIT DROP

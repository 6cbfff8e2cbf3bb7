-- One row is one customer's score of the run that is about to be published.
CREATE TEMPORARY TABLE score_incoming (
    customer_id bigint NOT NULL,
    value double precision NOT NULL,
    percentile double precision NOT NULL
) ON COMMIT DROP

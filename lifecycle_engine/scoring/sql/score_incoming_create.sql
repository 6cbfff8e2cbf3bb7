-- One row is one customer's score of the run that is about to be published, beside the one that is.
CREATE TEMPORARY TABLE score_incoming (
    customer_id bigint NOT NULL,
    value double precision NOT NULL,
    percentile double precision NOT NULL,
    -- The row to be changed; null where the customer has none.
    score_id bigint,
    -- Whether it is to be written at all, and whether the score itself is another one than before.
    differs boolean NOT NULL,
    moved boolean NOT NULL
) ON COMMIT DROP

-- One row: a customer whom the rule was asked about, and whether it holds.
CREATE TEMPORARY TABLE segment_evaluated (
    customer_id bigint NOT NULL,
    member boolean NOT NULL
) ON COMMIT DROP

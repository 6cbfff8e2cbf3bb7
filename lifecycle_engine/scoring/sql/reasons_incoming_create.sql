-- One row is what a customer's score was explained by.
CREATE TEMP TABLE reasons_incoming (
    customer_id bigint NOT NULL,
    document jsonb NOT NULL
) ON COMMIT DROP

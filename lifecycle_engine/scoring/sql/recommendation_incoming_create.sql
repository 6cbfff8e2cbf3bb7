-- One row is one customer's products of the run that is about to be published.
CREATE TEMPORARY TABLE recommendation_incoming (
    customer_id bigint PRIMARY KEY,
    items jsonb NOT NULL
) ON COMMIT DROP

-- One row: a customer and the stage they are in by now.
CREATE TEMPORARY TABLE stage_now (
    customer_id bigint NOT NULL,
    stage varchar(12) NOT NULL
) ON COMMIT DROP

-- One row: a customer's lifecycle stage.
SELECT customer_id, stage, since FROM segments_customerstage

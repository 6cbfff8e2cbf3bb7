-- One row: a customer who moved from one stage to another, with the id of the transition.
WITH moved AS (
    SELECT n.customer_id, coalesce(s.stage, '') AS from_stage, n.stage AS to_stage
    FROM stage_now n
    -- Who was erased since the warehouse was read is left out.
    JOIN customers_customer c ON c.id = n.customer_id
    LEFT JOIN segments_customerstage s ON s.customer_id = n.customer_id
    WHERE s.stage IS DISTINCT FROM n.stage
), stored AS (
    INSERT INTO segments_customerstage (customer_id, stage, since)
    SELECT customer_id, to_stage, %(at)s FROM moved
    ON CONFLICT (customer_id) DO UPDATE SET stage = excluded.stage, since = excluded.since
)
INSERT INTO segments_stagetransition (customer_id, from_stage, to_stage, at)
SELECT customer_id, from_stage, to_stage, %(at)s FROM moved
RETURNING id, customer_id, from_stage, to_stage

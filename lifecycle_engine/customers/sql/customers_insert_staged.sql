-- Insert the staged customers that are new, and take them off the stage. One row touched is one new
-- customer. Who was inserted by somebody else meanwhile stays on the stage, to be updated.
WITH fresh AS (
    INSERT INTO customers_customer (
        external_id, email, email_hash, phone, phone_hash, first_name, last_name, language,
        time_zone, country, attributes, created_at
    )
    SELECT
        staged.external_id,
        coalesce(staged.email, ''),
        coalesce(staged.email_hash, ''),
        coalesce(staged.phone, ''),
        coalesce(staged.phone_hash, ''),
        coalesce(staged.first_name, ''),
        coalesce(staged.last_name, ''),
        coalesce(staged.language, ''),
        coalesce(staged.time_zone, ''),
        coalesce(staged.country, ''),
        staged.attributes - ARRAY(
            SELECT key FROM jsonb_each(staged.attributes) WHERE value = 'null'
        ),
        coalesce(staged.created_at, now())
    FROM customers_staged AS staged
    WHERE NOT EXISTS (
        SELECT FROM customers_customer AS known WHERE known.external_id = staged.external_id
    )
    ORDER BY staged.external_id
    ON CONFLICT (external_id) DO NOTHING
    RETURNING external_id
)
DELETE FROM customers_staged USING fresh WHERE customers_staged.external_id = fresh.external_id;

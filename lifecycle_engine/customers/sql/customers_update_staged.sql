-- Write what is staged to the customers that are there. One row touched is one customer.
-- Rows are locked in order of their id, so that two writers can't wait for each other, and without
-- the key, so that writers of rows that point here don't wait at all.
WITH locked AS MATERIALIZED (
    SELECT known.id
    FROM customers_customer AS known
    JOIN customers_staged AS staged ON staged.customer_id = known.id
    -- Who was erased while this waited stays erased.
    WHERE known.erased_at IS NULL
    ORDER BY known.id
    FOR NO KEY UPDATE OF known
)
UPDATE customers_customer AS known SET
    email = coalesce(staged.email, known.email),
    email_hash = coalesce(staged.email_hash, known.email_hash),
    phone = coalesce(staged.phone, known.phone),
    phone_hash = coalesce(staged.phone_hash, known.phone_hash),
    first_name = coalesce(staged.first_name, known.first_name),
    last_name = coalesce(staged.last_name, known.last_name),
    language = coalesce(staged.language, known.language),
    time_zone = coalesce(staged.time_zone, known.time_zone),
    country = coalesce(staged.country, known.country),
    attributes = (known.attributes || staged.attributes) - ARRAY(
        SELECT key FROM jsonb_each(staged.attributes) WHERE value = 'null'
    ),
    created_at = coalesce(staged.created_at, known.created_at),
    updated_at = now()
FROM locked
JOIN customers_staged AS staged ON staged.customer_id = locked.id
WHERE known.id = locked.id;

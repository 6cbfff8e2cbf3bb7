-- Enter anonymous ids: for the customer given beside each, or for a new customer where none is.
-- One row touched is one new customer.
-- The identifier is entered first, under a customer number taken from the sequence: whoever loses a
-- race for the identifier makes no customer either. The foreign key is checked at commit.
WITH wanted AS MATERIALIZED (
    SELECT
        value,
        coalesce(
            customer_id, nextval(pg_get_serial_sequence('customers_customer', 'id'))
        ) AS customer_id,
        customer_id IS NULL AS is_new
    FROM unnest(%(values)s::text[], %(customer_ids)s::bigint[]) AS given (value, customer_id)
    ORDER BY value
),
entered AS (
    INSERT INTO customers_identifier (customer_id, kind, value)
    SELECT customer_id, 'anonymous_id', value
    FROM wanted
    ORDER BY value
    ON CONFLICT (kind, value) DO NOTHING
    RETURNING value
)
INSERT INTO customers_customer (
    id, email, email_hash, phone, phone_hash, first_name, last_name, language, time_zone, country,
    attributes
)
SELECT wanted.customer_id, '', '', '', '', '', '', '', '', '', '{}'
FROM wanted
JOIN entered USING (value)
WHERE wanted.is_new;

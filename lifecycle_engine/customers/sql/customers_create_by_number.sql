-- Make the customers that are known by a number only. One row touched is one new customer.
INSERT INTO customers_customer (
    external_id, email, email_hash, phone, phone_hash, first_name, last_name, language, time_zone,
    country, attributes
)
SELECT number, '', '', '', '', '', '', '', '', '', '{}'
FROM unnest(%(numbers)s::text[]) AS number
ORDER BY number
ON CONFLICT (external_id) DO NOTHING;

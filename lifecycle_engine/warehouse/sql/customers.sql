-- One row is one customer, in types that ADBC carries. Whoever was merged into another is part of
-- the other; who was erased is nobody.
SELECT id, external_id, email_hash, phone_hash, first_name, last_name, language, time_zone, country,
    attributes::text AS attributes, created_at
FROM customers_customer
WHERE merged_into_id IS NULL AND erased_at IS NULL

-- One row is one customer, in types that ADBC carries.
SELECT id, external_id, email, phone, first_name, last_name, language, time_zone, country,
    attributes::text AS attributes, created_at
FROM customers_customer

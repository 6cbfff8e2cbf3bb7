-- One row is one profile that is part of a customer.
SELECT id AS profile_id, merged_into_id AS root_id
FROM customers_customer
WHERE merged_into_id IS NOT NULL /* of customers: id */

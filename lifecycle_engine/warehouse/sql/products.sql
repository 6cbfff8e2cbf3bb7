-- One row is one product of the catalogue, in types that ADBC carries.
SELECT sku, name, brand, department, category, price::float8 AS price, available
FROM events_product

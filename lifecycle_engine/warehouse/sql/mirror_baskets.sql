-- For DuckDB. One row is one Order Completed of the Arrow table "events", its JSON taken apart. What
-- has the wrong type becomes null: the log takes what partners send, the copy what makes sense.
CREATE TEMP TABLE baskets AS
SELECT id AS event_id, customer_id, occurred_at, value, currency,
    json_transform(properties, '{
        "order_id": "VARCHAR", "discount": "DOUBLE", "coupon_discount": "DOUBLE",
        "store": "VARCHAR", "affiliation": "VARCHAR",
        "products": [{
            "product_id": "VARCHAR", "sku": "VARCHAR", "quantity": "DOUBLE", "price": "DOUBLE",
            "value": "DOUBLE", "discount": "DOUBLE", "department": "VARCHAR", "category": "VARCHAR"
        }]
    }') AS said
FROM events
WHERE name = 'Order Completed'

-- For DuckDB. One row is one product of a basket; what names no product is left out.
SELECT event_id, coalesce(order_id, event_id) AS order_id, customer_id, occurred_at, sku, quantity,
    price, value, discount, department, category
FROM (
    SELECT event_id, said.order_id AS order_id, customer_id, occurred_at,
        coalesce(line.product_id, line.sku) AS sku,
        coalesce(finite(line.quantity), 1) AS quantity,
        coalesce(
            finite(line.price), finite(line.value / nullif(coalesce(line.quantity, 1), 0))
        ) AS price,
        coalesce(finite(line.value), finite(line.price * coalesce(line.quantity, 1))) AS value,
        coalesce(finite(line.discount), 0) AS discount,
        line.department AS department, line.category AS category
    FROM (SELECT event_id, customer_id, occurred_at, said, unnest(said.products) AS line
          FROM baskets)
)
WHERE sku IS NOT NULL

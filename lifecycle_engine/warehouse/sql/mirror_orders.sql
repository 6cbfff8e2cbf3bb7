-- For DuckDB. One row is one basket with the sums of its lines, the Arrow table "order_lines".
SELECT event_id, coalesce(said.order_id, event_id) AS order_id, customer_id, occurred_at,
    coalesce(finite(value), lines_value) AS value, currency,
    coalesce(finite(said.discount), lines_discount, 0) AS discount,
    coalesce(finite(said.coupon_discount), 0) AS coupon_discount,
    coalesce(lines, 0) AS lines, coalesce(lines_quantity, 0) AS quantity,
    coalesce(said.store, said.affiliation) AS store
FROM baskets
LEFT JOIN (
    SELECT event_id, count(*) AS lines, sum(quantity) AS lines_quantity, sum(value) AS lines_value,
        sum(discount) AS lines_discount
    FROM order_lines
    GROUP BY event_id
) USING (event_id)

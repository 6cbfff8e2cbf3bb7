-- One row is one event of the batch, in types that ADBC carries; the batch's condition follows.
SELECT id::text AS id, customer_id, source, name, properties::text AS properties,
    value::float8 AS value, currency, product_sku, category, campaign, occurred_at, received_at
FROM events_event
WHERE

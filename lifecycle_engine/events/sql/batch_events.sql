-- The rows of a batch in the order of the log. One row is one event.
SELECT
    id, txid, customer_id, source, name, properties, value, currency, product_sku, category,
    campaign, occurred_at, received_at
FROM events_event
WHERE (txid, id) > (%(after_txid)s, %(after_id)s)
    AND (txid, id) <= (%(upto_txid)s, %(upto_id)s)
    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]))
ORDER BY txid, id;

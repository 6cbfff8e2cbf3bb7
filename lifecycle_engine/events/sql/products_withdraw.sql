-- Say of the products that are not there that they are not available. One row touched is one of them.
WITH missing AS MATERIALIZED (
    SELECT known.id
    FROM events_product AS known
    WHERE known.available
        AND NOT EXISTS (
            SELECT FROM unnest(%(there)s::text[]) AS there (sku) WHERE there.sku = known.sku
        )
    ORDER BY known.sku
    FOR NO KEY UPDATE OF known
)
UPDATE events_product AS known SET
    available = false,
    updated_at = now()
FROM missing
WHERE known.id = missing.id;

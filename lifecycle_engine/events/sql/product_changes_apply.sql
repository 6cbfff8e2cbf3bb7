-- Write the staged changes to the catalogue. One row touched is one product that is different now.
-- Rows are locked in order of their SKU, as replacing them does, so that two writers can't wait for
-- each other.
WITH locked AS MATERIALIZED (
    SELECT
        known.id,
        CASE WHEN staged.says_price THEN staged.price ELSE known.price END AS price,
        CASE WHEN staged.says_stock THEN staged.stock ELSE known.stock END AS stock,
        coalesce(staged.available, known.available) AS available
    FROM events_product AS known
    JOIN product_changes_staged AS staged USING (sku)
    ORDER BY known.sku
    FOR NO KEY UPDATE OF known
)
UPDATE events_product AS known SET
    price = locked.price,
    stock = locked.stock,
    available = locked.available,
    updated_at = now()
FROM locked
WHERE known.id = locked.id
    AND (known.price, known.stock, known.available)
        IS DISTINCT FROM (locked.price, locked.stock, locked.available);

-- Write the staged products to the catalogue. The one row says how many were new, how many changed.
WITH written AS (
    INSERT INTO events_product AS known (
        sku, name, brand, department, category, price, currency, stock, url, image_url, available,
        attributes
    )
    SELECT
        sku, name, brand, department, category, price, currency, stock, url, image_url, available,
        attributes
    FROM products_staged
    ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET
        name = excluded.name,
        brand = excluded.brand,
        department = excluded.department,
        category = excluded.category,
        price = excluded.price,
        currency = excluded.currency,
        stock = excluded.stock,
        url = excluded.url,
        image_url = excluded.image_url,
        available = excluded.available,
        attributes = excluded.attributes,
        updated_at = now()
    WHERE (
        known.name, known.brand, known.department, known.category, known.price, known.currency,
        known.stock, known.url, known.image_url, known.available, known.attributes
    ) IS DISTINCT FROM (
        excluded.name, excluded.brand, excluded.department, excluded.category, excluded.price,
        excluded.currency, excluded.stock, excluded.url, excluded.image_url, excluded.available,
        excluded.attributes
    )
    -- A row that was not there before has no xmax.
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new)
FROM written;

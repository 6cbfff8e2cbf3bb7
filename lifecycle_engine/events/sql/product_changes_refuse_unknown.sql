-- Take the changes that name no product off the stage. One row is one of them.
DELETE FROM product_changes_staged AS staged
WHERE NOT EXISTS (SELECT FROM events_product AS known WHERE known.sku = staged.sku)
RETURNING position, sku;

-- The place where changes of products come in by COPY. One row is what changes of one product.
DROP TABLE IF EXISTS pg_temp.product_changes_staged;
CREATE TEMPORARY TABLE product_changes_staged (
    position integer NOT NULL,
    sku varchar(100) NOT NULL,
    says_price boolean NOT NULL,
    price numeric(14, 2),
    says_stock boolean NOT NULL,
    stock integer,
    available boolean
) ON COMMIT DROP;

-- The place where products come in by COPY. One row is one product, whole.
DROP TABLE IF EXISTS pg_temp.products_staged;
CREATE TEMPORARY TABLE products_staged (
    sku varchar(100) NOT NULL,
    name varchar(300) NOT NULL,
    brand varchar(100) NOT NULL,
    department varchar(100) NOT NULL,
    category varchar(200) NOT NULL,
    price numeric(14, 2),
    currency varchar(3) NOT NULL,
    stock integer,
    url varchar(200) NOT NULL,
    image_url varchar(200) NOT NULL,
    available boolean NOT NULL,
    attributes jsonb NOT NULL
) ON COMMIT DROP;

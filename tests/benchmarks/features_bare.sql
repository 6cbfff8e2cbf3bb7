-- All features by hand, for DuckDB: what somebody would write who knows the files and wants no library.
-- One row is one customer. In braces: the moment, and the files of each table.
WITH o AS (
    SELECT customer_id,
        epoch({now}) - epoch(max(occurred_at)) AS newest, epoch({now}) - epoch(min(occurred_at)) AS oldest,
        count(*) AS orders_total, sum(value) AS revenue_total,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 7 DAY) AS orders_7d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 14 DAY) AS orders_14d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 30 DAY) AS orders_30d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 60 DAY) AS orders_60d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS orders_90d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 180 DAY) AS orders_180d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 365 DAY) AS orders_365d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 7 DAY) AS revenue_7d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 30 DAY) AS revenue_30d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 60 DAY) AS revenue_60d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS revenue_90d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 180 DAY) AS revenue_180d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 365 DAY) AS revenue_365d,
        max(value) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS basket_value_max_90d,
        avg(lines) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS lines_per_order_90d,
        sum(quantity) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS quantity_90d,
        sum(discount) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS discount_90d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 90 DAY AND coupon_discount > 0)
            AS coupon_orders_90d,
        sum(coupon_discount) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS coupon_discount_90d,
        count(DISTINCT store) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS stores_90d,
        count(DISTINCT ceil((epoch({now}) - epoch(occurred_at)) / 604800))
            FILTER (occurred_at >= {now} - INTERVAL 84 DAY) AS active_weeks_12,
        sum(6.5 - ceil((epoch({now}) - epoch(occurred_at)) / 604800))
            FILTER (occurred_at >= {now} - INTERVAL 84 DAY) / 143 AS orders_slope_12w,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 90 DAY AND isodow(occurred_at) >= 6)
            AS weekend_90d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 90 DAY AND hour(occurred_at) < 6) AS night_90d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 365 DAY
            AND occurred_at < {now} - INTERVAL 335 DAY) AS season_orders_last_year,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 365 DAY AND quarter(occurred_at) = 4)
            AS q4_revenue_365d
    FROM read_parquet({orders}) WHERE occurred_at < {now} GROUP BY ALL
), h AS (
    SELECT customer_id, max(orders) / sum(orders) AS favourite_hour_share_365d
    FROM (SELECT customer_id, hour(occurred_at) AS hour, count(*) AS orders
          FROM read_parquet({orders})
          WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 365 DAY GROUP BY ALL)
    GROUP BY ALL
), pieces AS (
    SELECT *, least(coalesce(gap, 1e9), 365 - age) / 365 AS piece
    FROM (SELECT customer_id, value, (epoch({now}) - epoch(occurred_at)) / 86400 AS age,
              (epoch(occurred_at) - epoch(lag(occurred_at) OVER forth)) / 86400 AS gap,
              row_number() OVER back AS place
          FROM read_parquet({orders}) WHERE occurred_at < {now}
          WINDOW forth AS (PARTITION BY customer_id ORDER BY occurred_at, event_id),
              back AS (PARTITION BY customer_id ORDER BY occurred_at DESC, event_id DESC))
), s AS (
    SELECT customer_id, avg(gap) AS gap_days_mean, median(gap) AS gap_days_median,
        stddev_samp(gap) AS gap_days_std, max(gap) AS gap_days_max,
        max(gap) FILTER (place = 1) AS gap_days_last,
        1 + (coalesce(sum(CASE WHEN age <= 365 AND piece > 0 THEN piece * ln(piece) END), 0)
             + min(age) / 365 * ln(nullif(min(age), 0) / 365))
            / nullif(ln(count(*) FILTER (age <= 365) + 1), 0) AS clumpiness_365d,
        max(value) FILTER (place = 1) AS basket_value_last,
        avg(value) FILTER (place <= 3) / nullif(avg(value), 0) AS basket_value_last3_over_mean
    FROM pieces GROUP BY ALL
), l AS (
    SELECT customer_id, count(*) FILTER (discount > 0) / count(*) AS discounted_lines_share_90d
    FROM read_parquet({order_lines})
    WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 90 DAY GROUP BY ALL
), p AS (
    SELECT customer_id, count(*) FILTER (newest >= {now} - INTERVAL 90 DAY) AS products_90d,
        count(*) FILTER (newest > oldest) / count(*) AS repeat_products_share_365d
    FROM (SELECT customer_id, sku, max(occurred_at) AS newest, min(occurred_at) AS oldest
          FROM read_parquet({order_lines})
          WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 365 DAY GROUP BY ALL)
    GROUP BY ALL
), d AS (
    SELECT customer_id, count(*) FILTER (newest >= {now} - INTERVAL 90 DAY) AS departments_90d,
        max(lines) / sum(lines) AS favourite_department_share_365d
    FROM (SELECT customer_id, department, count(*) AS lines, max(occurred_at) AS newest
          FROM read_parquet({order_lines})
          WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 365 DAY
              AND department IS NOT NULL GROUP BY ALL)
    GROUP BY ALL
), k AS (
    SELECT customer_id, count(*) FILTER (newest >= {now} - INTERVAL 90 DAY) AS categories_90d,
        max(lines) / sum(lines) AS favourite_category_share_365d,
        ln(sum(lines)) - sum(lines * ln(lines)) / sum(lines) AS category_entropy_365d
    FROM (SELECT customer_id, category, count(*) AS lines, max(occurred_at) AS newest
          FROM read_parquet({order_lines})
          WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 365 DAY
              AND category IS NOT NULL GROUP BY ALL)
    GROUP BY ALL
), e AS (
    SELECT customer_id,
        count(*) FILTER (recent AND name = 'Campaign Received') AS campaigns_received_90d,
        count(*) FILTER (recent AND name = 'Coupon Issued') AS coupons_issued_90d,
        count(*) FILTER (recent AND name = 'Coupon Redeemed') AS coupons_redeemed_90d,
        count(*) FILTER (source = 'engine' AND name = 'Coupon Redeemed')
            / nullif(count(*) FILTER (source = 'engine' AND name = 'Coupon Issued'), 0)
            AS coupon_redemption_rate_365d,
        count(*) FILTER (recent AND name = 'Email Sent') AS emails_sent_90d,
        count(*) FILTER (recent AND name = 'Email Opened') AS opened,
        count(*) FILTER (recent AND name = 'Email Link Clicked') AS clicked,
        count(*) FILTER (recent AND name = 'SMS Sent') AS sms_sent_90d,
        count(*) FILTER (recent AND name = 'SMS Link Clicked') AS sms_clicked,
        count(*) FILTER (name IN ('Unsubscribed', 'Consent Withdrawn')) AS unsubscribes_365d,
        count(*) FILTER (lately AND name = 'Product Viewed') AS products_viewed_30d,
        count(*) FILTER (lately AND name = 'Product Added') AS products_added_30d,
        count(*) FILTER (lately AND name = 'Products Searched') AS searches_30d,
        epoch({now}) - epoch(max(occurred_at) FILTER (name IN ('Product Viewed', 'Product List Viewed',
            'Products Searched', 'Product Added'))) AS browsed,
        count(*) FILTER (recent AND name = 'Order Completed')
            / nullif(count(*) FILTER (recent AND name = 'Product Viewed'), 0) AS orders_per_view_90d,
        count(*) FILTER (name = 'Order Refunded') AS refunds_365d,
        count(*) FILTER (name = 'Order Cancelled') AS cancellations_365d,
        coalesce(sum(value) FILTER (name = 'Order Refunded'), 0)
            / nullif(sum(value) FILTER (name = 'Order Completed'), 0) AS refunded_share_365d
    FROM (SELECT *, occurred_at >= {now} - INTERVAL 90 DAY AS recent,
              occurred_at >= {now} - INTERVAL 30 DAY AS lately
          FROM read_parquet({events})
          WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 365 DAY)
    GROUP BY ALL
), c AS (
    SELECT id AS customer_id FROM read_parquet({customers})
    WHERE created_at < {now}
        OR id IN (SELECT customer_id FROM read_parquet({events}) WHERE occurred_at < {now})
)
SELECT customer_id,
    newest / 86400 AS recency_days, oldest / 86400 AS tenure_days,
    COLUMNS(o.* EXCLUDE (customer_id, newest, oldest, discount_90d, weekend_90d, night_90d,
        q4_revenue_365d)),
    (orders_30d - (orders_60d - orders_30d)) / nullif(orders_60d, 0) AS orders_trend,
    (2 * coalesce(revenue_30d, 0) - revenue_60d) / nullif(revenue_60d, 0) AS revenue_trend,
    revenue_90d / nullif(orders_90d, 0) AS basket_value_mean_90d,
    discount_90d / nullif(discount_90d + revenue_90d, 0) AS discount_share_90d,
    weekend_90d / nullif(orders_90d, 0) AS weekend_share_90d,
    night_90d / nullif(orders_90d, 0) AS night_share_90d,
    coalesce(q4_revenue_365d, 0) / nullif(revenue_365d, 0) AS q4_revenue_share_365d,
    h.* EXCLUDE customer_id, s.* EXCLUDE customer_id,
    gap_days_std / nullif(gap_days_mean, 0) AS gap_days_cv,
    CASE WHEN gap_days_mean IS NOT NULL THEN newest / 86400 / greatest(gap_days_mean, 1) END
        AS recency_over_gap,
    CASE WHEN gap_days_max IS NOT NULL THEN newest / 86400 / greatest(gap_days_max, 1) END
        AS recency_over_gap_max,
    l.* EXCLUDE customer_id, p.* EXCLUDE customer_id, d.* EXCLUDE customer_id,
    k.* EXCLUDE customer_id, e.* EXCLUDE (customer_id, opened, clicked, sms_clicked, browsed),
    opened / nullif(emails_sent_90d, 0) AS email_open_rate_90d,
    clicked / nullif(emails_sent_90d, 0) AS email_click_rate_90d,
    sms_clicked / nullif(sms_sent_90d, 0) AS sms_click_rate_90d,
    browsed / 86400 AS browsing_recency_days
FROM c LEFT JOIN o USING (customer_id) LEFT JOIN h USING (customer_id) LEFT JOIN s USING (customer_id)
LEFT JOIN l USING (customer_id) LEFT JOIN p USING (customer_id) LEFT JOIN d USING (customer_id)
LEFT JOIN k USING (customer_id) LEFT JOIN e USING (customer_id)
ORDER BY customer_id

-- The coupons that an occurrence issued. One row in all.
SELECT
    count(*) AS issued,
    count(redemption.id) AS redeemed,
    coalesce(sum(redemption.discount), 0) AS cost
FROM rewards_coupon AS coupon
LEFT JOIN rewards_redemption AS redemption ON redemption.coupon_id = coupon.id
WHERE coupon.occasion LIKE %(prefix)s;

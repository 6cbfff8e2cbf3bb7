-- One row per customer: what the coupons that an occurrence issued cost when they were redeemed.
SELECT coupon.customer_id, sum(redemption.discount)
FROM rewards_coupon AS coupon
JOIN rewards_redemption AS redemption ON redemption.coupon_id = coupon.id
WHERE coupon.occasion LIKE %(occasions)s
  AND redemption.redeemed_at >= %(since)s
  AND redemption.redeemed_at < %(until)s
GROUP BY coupon.customer_id;

-- One row: a coupon with its offer, as the warehouse shows it.
SELECT
    coupon.id,
    coupon.customer_id,
    offer.key AS offer,
    coupon.occasion,
    coupon.state,
    coupon.issued_at,
    coupon.expires_at,
    offer.currency,
    redemption.order_id,
    redemption.redeemed_at,
    redemption.discount::float8 AS discount
FROM rewards_coupon AS coupon
INNER JOIN rewards_offer AS offer ON coupon.offer_id = offer.id
LEFT JOIN rewards_redemption AS redemption ON coupon.id = redemption.coupon_id

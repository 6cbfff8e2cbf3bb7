-- One row: a coupon with its offer, under the customer that its profile is part of.
SELECT
    coupon.id,
    coalesce(profile.merged_into_id, profile.id) AS customer_id,
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
INNER JOIN customers_customer AS profile ON coupon.customer_id = profile.id
LEFT JOIN rewards_redemption AS redemption ON coupon.id = redemption.coupon_id
WHERE true /* of customers: coupon.customer_id */

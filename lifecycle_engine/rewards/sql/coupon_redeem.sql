-- One row, or none: the redemption of a coupon that was valid for this order. All conditions stand
-- in the first UPDATE: of two that come at once, one waits for the other's row and then finds it
-- used. None says nothing about why, and takes the same way for every cause.
WITH used AS (
    UPDATE rewards_coupon AS coupon
    SET state = 'redeemed'
    FROM rewards_offer AS offer, customers_customer AS customer
    WHERE
        coupon.code = %(code)s
        AND coupon.state = 'issued'
        AND coupon.expires_at > %(at)s
        AND offer.id = coupon.offer_id
        AND offer.currency = %(currency)s
        AND offer.minimum_order <= %(order_value)s
        AND customer.id = coupon.customer_id
        AND (
            %(customer)s::text IS NULL
            -- Whoever was merged is one customer, by whichever number.
            OR COALESCE(customer.merged_into_id, customer.id) = (
                SELECT COALESCE(given.merged_into_id, given.id)
                FROM customers_customer AS given
                WHERE given.external_id = %(customer)s::text
            )
        )
    RETURNING
        coupon.id,
        coupon.offer_id,
        coupon.reserved,
        LEAST(
            CASE offer.kind
                WHEN 'percent' THEN ROUND(%(order_value)s::numeric * offer.value / 100, 2)
                ELSE offer.value
            END,
            offer.max_discount,
            coupon.reserved,
            %(order_value)s::numeric
        ) AS discount
),

booked AS (
    UPDATE rewards_offer AS offer
    SET
        reserved = offer.reserved - used.reserved,
        spent = offer.spent + used.discount,
        redeemed = offer.redeemed + 1
    FROM used
    WHERE offer.id = used.offer_id
)

INSERT INTO rewards_redemption (
    coupon_id, source, idempotency_key, order_id, order_value, discount, redeemed_at
)
SELECT
    used.id,
    %(source)s,
    %(idempotency_key)s,
    %(order_id)s,
    %(order_value)s,
    used.discount,
    %(at)s
FROM used
RETURNING id

-- One row, or none: a coupon that could be redeemed now, and the discount for the order's value
-- (null where no value is given). None takes the same way for every cause.
SELECT
    coupon.code,
    offer.name,
    offer.kind,
    offer.value,
    LEAST(offer.max_discount, coupon.reserved),
    offer.minimum_order,
    offer.currency,
    coupon.expires_at,
    CASE
        WHEN %(order_value)s::numeric IS NOT NULL
            THEN
                LEAST(
                    CASE offer.kind
                        WHEN 'percent'
                            THEN ROUND(%(order_value)s::numeric * offer.value / 100, 2)
                        ELSE offer.value
                    END,
                    offer.max_discount,
                    coupon.reserved,
                    %(order_value)s::numeric
                )
    END
FROM rewards_coupon AS coupon
INNER JOIN rewards_offer AS offer ON coupon.offer_id = offer.id
INNER JOIN customers_customer AS customer ON coupon.customer_id = customer.id
WHERE
    coupon.code = %(code)s
    AND coupon.state = 'issued'
    AND coupon.expires_at > %(at)s
    AND (%(currency)s::text IS NULL OR offer.currency = %(currency)s::text)
    AND (%(order_value)s::numeric IS NULL OR offer.minimum_order <= %(order_value)s::numeric)
    AND (
        %(customer)s::text IS NULL
        -- Whoever was merged is one customer, by whichever number.
        OR COALESCE(customer.merged_into_id, customer.id) = (
            SELECT COALESCE(given.merged_into_id, given.id)
            FROM customers_customer AS given
            WHERE given.external_id = %(customer)s::text
        )
    )

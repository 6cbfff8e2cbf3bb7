-- One row: how many coupons have run out; what was reserved for them is free again.
WITH due AS (
    SELECT id
    FROM rewards_coupon
    WHERE state = 'issued' AND expires_at <= %(at)s
    ORDER BY expires_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
),

expired AS (
    UPDATE rewards_coupon AS coupon
    SET state = 'expired'
    FROM due
    WHERE coupon.id = due.id
    RETURNING coupon.offer_id, coupon.reserved
),

totals AS (
    SELECT offer_id, SUM(reserved) AS reserved
    FROM expired
    GROUP BY offer_id
),

released AS (
    UPDATE rewards_offer AS offer
    SET reserved = offer.reserved - totals.reserved
    FROM totals
    WHERE offer.id = totals.offer_id
)

SELECT COUNT(*) FROM expired

-- One row: how many of the wanted coupons the offer can afford, now reserved from its budget.
-- The offer's row is locked by the caller, so its figures can't move in between; the condition and
-- the table's constraints hold without that lock too.
UPDATE rewards_offer AS offer
SET
    issued = offer.issued + granted.coupons,
    reserved = offer.reserved + granted.coupons * offer.max_discount
FROM
    (
        SELECT
            id,
            GREATEST(0, LEAST(
                %(wanted)s::bigint,
                FLOOR((budget - reserved - spent) / NULLIF(max_discount, 0))::bigint,
                max_coupons - issued
            )) AS coupons
        FROM rewards_offer
        WHERE id = %(offer_id)s AND active
    ) AS granted
WHERE
    offer.id = granted.id
    AND granted.coupons > 0
    AND offer.budget >= offer.reserved + offer.spent + granted.coupons * offer.max_discount
RETURNING granted.coupons

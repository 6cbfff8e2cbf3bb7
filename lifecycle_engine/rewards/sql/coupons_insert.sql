-- One row: the customer of a coupon that was written. A pair whose code is taken is left out, and
-- the caller tries it again with another code.
INSERT INTO rewards_coupon (
    offer_id, customer_id, code, occasion, state, reserved, issued_at, expires_at
)
SELECT
    %(offer_id)s,
    fresh.customer_id,
    fresh.code,
    %(occasion)s,
    'issued',
    %(reserved)s,
    %(issued_at)s,
    %(expires_at)s
FROM UNNEST(%(customer_ids)s::bigint [], %(codes)s::text []) AS fresh (customer_id, code)
ON CONFLICT DO NOTHING
RETURNING customer_id

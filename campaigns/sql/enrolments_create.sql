-- One row per member of the segment: on the way at the first step, on the side of the comparison
-- that the hash of campaign and customer gives (the same as gates/holdout.py computes).
INSERT INTO campaigns_enrolment
    (occurrence_id, customer_id, arm, state, step, due_at, attempts, context, error)
SELECT
    %(occurrence_id)s,
    membership.customer_id,
    CASE
        WHEN ('x' || substr(encode(sha256(convert_to(
                %(campaign_key)s || ':' || membership.customer_id, 'UTF8')), 'hex'), 1, 8)
             )::bit(32)::bigint / 4294967296::float8 < %(holdout)s::float8
        THEN 'holdout'
        ELSE 'treated'
    END,
    'active',
    %(step)s,
    %(due_at)s,
    0,
    '{}',
    ''
FROM segments_membership AS membership
WHERE membership.segment_id = %(segment_id)s;

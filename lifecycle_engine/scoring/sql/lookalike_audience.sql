-- One row is one of the first customers of a ranking who may still be chosen: not erased, not part
-- of another customer, not objecting to profiling, and not in the segment that they look like.
SELECT ranked.customer_id
FROM scoring_lookalikecustomer AS ranked
JOIN scoring_lookalike AS search ON search.id = ranked.lookalike_id
JOIN customers_customer AS customer ON customer.id = ranked.customer_id
WHERE ranked.lookalike_id = %(lookalike_id)s
    AND customer.erased_at IS NULL
    AND customer.merged_into_id IS NULL
    AND NOT ranked.customer_id = ANY(%(objectors)s::bigint[])
    AND NOT EXISTS (
        SELECT 1 FROM segments_membership AS member
        WHERE member.segment_id = search.segment_id AND member.customer_id = ranked.customer_id
    )
ORDER BY ranked.rank
LIMIT %(size)s

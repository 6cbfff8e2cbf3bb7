-- Fills score_incoming with what a run has staged, each score with where it stands among all, from
-- 0 to 100; equal scores stand equally, in the middle of their places. Left out is who objected to
-- profiling, was erased or became part of another customer since the features were computed.
INSERT INTO score_incoming (customer_id, value, percentile)
SELECT
    staged.customer_id,
    staged.value,
    (
        (rank() OVER (ORDER BY staged.value)
            + (count(*) OVER (PARTITION BY staged.value) - 1) / 2.0::double precision)
        / count(*) OVER () * 100
    )
FROM scoring_incoming AS staged
JOIN customers_customer AS customer ON customer.id = staged.customer_id
WHERE staged.run_id = %(run_id)s
    AND customer.erased_at IS NULL
    AND customer.merged_into_id IS NULL
    AND NOT EXISTS (
        SELECT FROM unnest(%(objectors)s::bigint[]) AS objector (id)
        WHERE objector.id = staged.customer_id
    )

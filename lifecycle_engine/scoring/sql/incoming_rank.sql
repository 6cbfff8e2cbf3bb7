-- Fills score_incoming with what a run has staged, each score with where it stands among all, from
-- 0 to 100; equal scores stand equally, in the middle of their places. Left out is who objected to
-- profiling, was erased or became part of another customer since the features were computed.
-- The number of a class stands nowhere: it has 0, so that only who changes class changes.
-- A score never goes back in time, and one that is as it was is not touched. By customer, so that
-- the indexes of what is written from this grow at their end.
INSERT INTO score_incoming (customer_id, value, percentile, score_id, differs, moved)
SELECT
    ranked.customer_id,
    ranked.value,
    ranked.percentile,
    current.id,
    current.id IS NULL OR (
        current.as_of <= %(as_of)s
        AND (current.value, current.percentile, current.model_version_id, current.as_of)
        IS DISTINCT FROM
        (ranked.value, ranked.percentile, %(model_version_id)s::bigint, %(as_of)s)
    ),
    current.id IS NULL OR (
        current.as_of <= %(as_of)s
        AND (current.value, current.percentile, current.model_version_id)
        IS DISTINCT FROM
        (ranked.value, ranked.percentile, %(model_version_id)s::bigint)
    )
FROM (
    SELECT
        staged.customer_id,
        staged.value,
        CASE WHEN %(ranked)s THEN (
            (rank() OVER (ORDER BY staged.value)
                + (count(*) OVER (PARTITION BY staged.value) - 1) / 2.0::double precision)
            / count(*) OVER () * 100
        ) ELSE 0 END AS percentile
    FROM scoring_incoming AS staged
    JOIN customers_customer AS customer ON customer.id = staged.customer_id
    WHERE staged.run_id = %(run_id)s
        AND customer.erased_at IS NULL
        AND customer.merged_into_id IS NULL
        AND NOT EXISTS (
            SELECT FROM unnest(%(objectors)s::bigint[]) AS objector (id)
            WHERE objector.id = staged.customer_id
        )
) AS ranked
LEFT JOIN scoring_score AS current
    ON current.scorer_key = %(scorer_key)s AND current.customer_id = ranked.customer_id
ORDER BY ranked.customer_id

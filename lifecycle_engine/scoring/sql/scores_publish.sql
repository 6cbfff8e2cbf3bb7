-- Publishes score_incoming: the one row says how many scores were written, and how many of them
-- moved and so went into the history too. A score never goes back in time, a score that is as it
-- was is not touched.
WITH fresh AS (
    SELECT incoming.customer_id, incoming.value, incoming.percentile,
        (current.value, current.percentile, current.model_version_id) IS DISTINCT FROM
        (incoming.value, incoming.percentile, %(model_version_id)s::bigint) AS moved
    FROM score_incoming AS incoming
    LEFT JOIN scoring_score AS current
        ON current.scorer_key = %(scorer_key)s AND current.customer_id = incoming.customer_id
    WHERE current.id IS NULL
        OR (
            current.as_of <= %(as_of)s
            AND (current.value, current.percentile, current.model_version_id, current.as_of)
            IS DISTINCT FROM
            (incoming.value, incoming.percentile, %(model_version_id)s::bigint, %(as_of)s)
        )
), published AS (
    INSERT INTO scoring_score (
        customer_id, scorer_key, value, percentile, model_version_id, as_of, scored_at
    )
    SELECT customer_id, %(scorer_key)s, value, percentile, %(model_version_id)s, %(as_of)s, now()
    FROM fresh
    ON CONFLICT (scorer_key, customer_id) DO UPDATE SET
        value = excluded.value,
        percentile = excluded.percentile,
        model_version_id = excluded.model_version_id,
        as_of = excluded.as_of,
        scored_at = excluded.scored_at
    RETURNING 1
), remembered AS (
    INSERT INTO scoring_scorehistory (
        customer_id, scorer_key, value, percentile, model_version_id, as_of
    )
    SELECT customer_id, %(scorer_key)s, value, percentile, %(model_version_id)s, %(as_of)s
    FROM fresh
    WHERE moved
    ON CONFLICT (customer_id, scorer_key, as_of) DO UPDATE SET
        value = excluded.value,
        percentile = excluded.percentile,
        model_version_id = excluded.model_version_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM published), (SELECT count(*) FROM remembered)

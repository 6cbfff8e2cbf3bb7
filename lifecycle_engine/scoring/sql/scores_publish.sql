-- Publishes score_incoming: the one row says how many scores were written, and how many of them
-- moved and so went into the history too. A score never goes back in time, a score that is as it
-- was is not touched.
WITH fresh AS (
    SELECT current.id, incoming.customer_id, incoming.value, incoming.percentile,
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
), changed AS (
    UPDATE scoring_score AS current
    SET value = fresh.value,
        percentile = fresh.percentile,
        model_version_id = %(model_version_id)s,
        as_of = %(as_of)s,
        scored_at = now()
    FROM fresh
    WHERE current.id = fresh.id
    RETURNING 1
), added AS (
    INSERT INTO scoring_score (
        customer_id, scorer_key, value, percentile, model_version_id, as_of, scored_at
    )
    SELECT customer_id, %(scorer_key)s, value, percentile, %(model_version_id)s, %(as_of)s, now()
    FROM fresh
    WHERE id IS NULL
    ORDER BY customer_id
    RETURNING 1
), remembered AS (
    INSERT INTO scoring_scorehistory (
        customer_id, scorer_key, value, percentile, model_version_id, as_of
    )
    SELECT customer_id, %(scorer_key)s, value, percentile, %(model_version_id)s, %(as_of)s
    FROM fresh
    WHERE moved
    ORDER BY customer_id
    ON CONFLICT (customer_id, scorer_key, as_of) DO UPDATE SET
        value = excluded.value,
        percentile = excluded.percentile,
        model_version_id = excluded.model_version_id
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM changed) + (SELECT count(*) FROM added),
    (SELECT count(*) FROM remembered)

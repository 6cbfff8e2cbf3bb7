-- Publishes recommendation_incoming; one row per recommendation that was written. What is as it was
-- is not touched, and customers erased or merged away meanwhile are left out.
INSERT INTO scoring_recommendation AS current (
    customer_id, scorer_key, items, model_version_id, as_of
)
SELECT incoming.customer_id, %(scorer_key)s, incoming.items, %(model_version_id)s, %(as_of)s
FROM recommendation_incoming AS incoming
JOIN customers_customer AS customer ON customer.id = incoming.customer_id
WHERE customer.erased_at IS NULL AND customer.merged_into_id IS NULL
ON CONFLICT (scorer_key, customer_id) DO UPDATE SET
    items = excluded.items,
    model_version_id = excluded.model_version_id,
    as_of = excluded.as_of
WHERE current.as_of <= excluded.as_of
    AND (current.items, current.model_version_id, current.as_of)
    IS DISTINCT FROM (excluded.items, excluded.model_version_id, excluded.as_of)

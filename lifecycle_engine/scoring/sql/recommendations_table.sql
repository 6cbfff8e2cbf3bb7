-- One row is one product recommended to a customer; rank 1 is the best.
SELECT
    recommendation.customer_id,
    recommendation.scorer_key,
    item.rank,
    item.value ->> 'sku' AS sku,
    (item.value ->> 'score')::double precision AS score,
    recommendation.model_version_id,
    recommendation.as_of
FROM scoring_recommendation AS recommendation
CROSS JOIN LATERAL
    jsonb_array_elements(recommendation.items) WITH ORDINALITY AS item (value, rank)

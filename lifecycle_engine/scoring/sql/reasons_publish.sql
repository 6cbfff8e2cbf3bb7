-- One row of reasons_incoming becomes a customer's reasons. They never go back in time, and customers
-- erased meanwhile are left out.
INSERT INTO scoring_scorereasons (
    customer_id, scorer_key, model_version_id, as_of, document, explained_at
)
SELECT incoming.customer_id, %(scorer_key)s, %(model_version_id)s, %(as_of)s, incoming.document,
    clock_timestamp()
FROM reasons_incoming AS incoming
JOIN customers_customer AS customer
    ON customer.id = incoming.customer_id AND customer.erased_at IS NULL
ON CONFLICT (scorer_key, customer_id) DO UPDATE SET
    model_version_id = excluded.model_version_id,
    as_of = excluded.as_of,
    document = excluded.document,
    explained_at = excluded.explained_at
WHERE scoring_scorereasons.as_of <= excluded.as_of

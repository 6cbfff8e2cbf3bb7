-- Keeps lookalike_incoming as the ranking of a search. Customers erased or merged away meanwhile
-- are left out, and those behind them move up.
INSERT INTO scoring_lookalikecustomer (lookalike_id, customer_id, rank, percentile)
SELECT
    %(lookalike_id)s,
    incoming.customer_id,
    row_number() OVER (ORDER BY incoming.rank),
    incoming.percentile
FROM lookalike_incoming AS incoming
JOIN customers_customer AS customer ON customer.id = incoming.customer_id
WHERE customer.erased_at IS NULL AND customer.merged_into_id IS NULL

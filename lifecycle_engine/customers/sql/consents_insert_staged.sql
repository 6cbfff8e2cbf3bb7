-- Add the staged entries to the ledger. One row touched is one entry that was not there yet.
INSERT INTO customers_consent (
    customer_id, channel, purpose, granted, source, text_version, recorded_at
)
SELECT customer_id, channel, purpose, granted, source, text_version, recorded_at
FROM consents_staged
ORDER BY customer_id, channel, purpose, recorded_at
ON CONFLICT (customer_id, channel, purpose, recorded_at) DO NOTHING;

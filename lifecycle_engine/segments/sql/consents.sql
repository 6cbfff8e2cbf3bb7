-- One row: an entry of the consent ledger.
SELECT customer_id, channel, purpose, granted, recorded_at, expires_at FROM customers_consent

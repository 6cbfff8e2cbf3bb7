-- One row: an entry of the consent ledger, under the customer that its profile is part of.
SELECT
    COALESCE(profile.merged_into_id, profile.id) AS customer_id,
    entry.channel,
    entry.purpose,
    entry.granted,
    entry.recorded_at,
    entry.expires_at
FROM customers_consent AS entry
INNER JOIN customers_customer AS profile ON profile.id = entry.customer_id
WHERE true /* of customers: entry.customer_id */

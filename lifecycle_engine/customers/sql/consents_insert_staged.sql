-- Add the staged entries to the ledger. One row touched is one entry that was not there yet.
-- Its rule against changes forbids ON CONFLICT: whoever writes holds the lock of the ledger, so that
-- what is not there now isn't there in a moment either.
INSERT INTO customers_consent (
    customer_id, channel, purpose, granted, source, text_version, wording_id, ip_address,
    user_agent, recorded_at, expires_at
)
SELECT DISTINCT ON (
    staged.customer_id, staged.channel, staged.purpose, staged.recorded_at, staged.granted
)
    staged.customer_id,
    staged.channel,
    staged.purpose,
    staged.granted,
    staged.source,
    staged.text_version,
    wording.digest,
    staged.ip_address,
    staged.user_agent,
    staged.recorded_at,
    staged.expires_at
FROM consents_staged AS staged
LEFT JOIN LATERAL (
    -- The wording for this channel, or else the one for every channel.
    SELECT known.digest
    FROM customers_consenttext AS known
    WHERE known.purpose = staged.purpose
        AND known.channel IN (staged.channel, '')
        AND known.version = staged.text_version
        AND known.language = staged.text_language
    ORDER BY known.channel DESC
    LIMIT 1
) AS wording ON TRUE
WHERE NOT EXISTS (
    SELECT FROM customers_consent AS known
    WHERE known.customer_id = staged.customer_id
        AND known.channel = staged.channel
        AND known.purpose = staged.purpose
        AND known.recorded_at = staged.recorded_at
        AND known.granted = staged.granted
)
ORDER BY
    staged.customer_id,
    staged.channel,
    staged.purpose,
    staged.recorded_at,
    staged.granted,
    staged.position;

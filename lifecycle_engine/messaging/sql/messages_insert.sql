-- One row: a message that is new in the outbox, by its deduplication key.
INSERT INTO messaging_message (
    id, customer_id, template_id, channel, campaign, dedupe_key, context, state, due_at,
    attempts, claim, provider_id, reason
)
SELECT
    fresh.id,
    fresh.customer_id,
    fresh.template_id,
    fresh.channel,
    fresh.campaign,
    fresh.dedupe_key,
    fresh.context::jsonb,
    'queued',
    COALESCE(fresh.due_at, NOW()),
    0,
    '',
    '',
    ''
FROM
    UNNEST(
        %(ids)s::uuid [],
        %(customer_ids)s::bigint [],
        %(template_ids)s::bigint [],
        %(channels)s::text [],
        %(campaigns)s::text [],
        %(dedupe_keys)s::text [],
        %(contexts)s::text [],
        %(due_ats)s::timestamptz []
    ) AS fresh (id, customer_id, template_id, channel, campaign, dedupe_key, context, due_at)
ON CONFLICT (dedupe_key) DO NOTHING
RETURNING dedupe_key

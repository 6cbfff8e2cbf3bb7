-- What happened to some profiles, newest first. One row is one event.
-- Profile by profile, so that each is read along the index of (customer_id, occurred_at), month after month
-- and no further than a page. The planner thinks of an average customer, of whom reading and sorting all
-- looks cheaper; the limit of a page is a query, so that it takes it for a tenth of what there is.
SELECT
    event.id, event.txid, event.customer_id, event.source, event.name, event.properties, event.value,
    event.currency, event.product_sku, event.category, event.campaign, event.occurred_at,
    event.received_at
FROM unnest(%(customer_ids)s::bigint[]) AS profile (id)
CROSS JOIN LATERAL (
    SELECT *
    FROM events_event
    WHERE customer_id = profile.id
        -- Said twice: the first for the months and the index, the second for the place among equals.
        AND occurred_at <= %(at)s
        AND (occurred_at, id) < (%(at)s, %(id)s)
        AND (%(start)s::timestamptz IS NULL OR occurred_at >= %(start)s)
        AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]))
    ORDER BY occurred_at DESC, id DESC
    LIMIT (SELECT %(limit)s::bigint)
) AS event
ORDER BY event.occurred_at DESC, event.id DESC
LIMIT %(limit)s;

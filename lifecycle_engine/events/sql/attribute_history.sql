-- What was said of a customer's attributes where it was something new, the newest first. One row is one
-- change: the event, the name, the value and the one before, and how many events were looked at.
WITH told AS (
    SELECT id, occurred_at, source, properties
    FROM events_event
    WHERE customer_id = ANY(%(customer_ids)s::bigint[])
        AND name = %(identify)s
        AND (occurred_at, id) <= (%(before_at)s::timestamptz, %(before_id)s::uuid)
    ORDER BY occurred_at DESC, id DESC
    LIMIT %(events)s
),

said AS (
    SELECT
        told.id,
        told.occurred_at,
        told.source,
        member.key AS name,
        member.value,
        LAG(member.value) OVER (
            PARTITION BY member.key ORDER BY told.occurred_at, told.id
        ) AS previous
    FROM told
    CROSS JOIN LATERAL jsonb_each(told.properties) AS member
)

SELECT
    id, occurred_at, source, name, value::text, previous::text, (SELECT COUNT(*) FROM told)
FROM said
WHERE previous IS DISTINCT FROM value
    AND (occurred_at, id, name COLLATE "C")
    < (%(before_at)s::timestamptz, %(before_id)s::uuid, %(before_name)s COLLATE "C")
ORDER BY occurred_at DESC, id DESC, name COLLATE "C" DESC
LIMIT %(limit)s;

-- Events of customers that a reader failed at. One row touched is one of them.
DELETE FROM events_quarantinedevent AS aside
USING events_event AS event
WHERE event.id = aside.event_id
    AND event.occurred_at = aside.occurred_at
    AND event.customer_id = ANY(%(profile_ids)s::bigint[]);

-- Note that messages were received. One row is one message that was not known before.
-- The ids come as JSON: psycopg takes far longer over an array of texts.
-- In sorted order, so that two writers can't wait for each other.
INSERT INTO events_eventreceipt (source, message_id, received_at)
SELECT %(source)s, message_id, coalesce(%(received_at)s::timestamptz, now())
FROM json_array_elements_text(%(message_ids)s::json) AS message_id
ORDER BY message_id
ON CONFLICT (source, message_id) DO NOTHING
RETURNING message_id;

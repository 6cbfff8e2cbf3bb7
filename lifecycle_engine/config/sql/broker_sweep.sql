-- One row is one message of the embedded broker. Those taken by a worker are kept invisible by the
-- broker for ever; an hour later nobody looks at them any more. The broker writes local times.
DELETE FROM kombu_message
WHERE NOT visible AND timestamp < localtimestamp - interval '1 hour'

-- The place for what is said of attributes. One row is one value, with its kind and, where it has
-- one, its place in the log. One transaction at a time learns, so that two can't wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('events.attributes', 0));
DROP TABLE IF EXISTS pg_temp.attributes_said;
CREATE TEMPORARY TABLE attributes_said (
    name text NOT NULL,
    value jsonb NOT NULL,
    event_id uuid,
    txid bigint,
    source text NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind text GENERATED ALWAYS AS (
        CASE jsonb_typeof(value)
            WHEN 'string'
                THEN CASE
                    -- A date, or a time, as in ISO 8601.
                    WHEN value #>> '{}' ~ (
                        '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])'
                        '([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$'
                    ) THEN 'moment'
                    ELSE 'text'
                END
            WHEN 'array' THEN 'list'
            ELSE jsonb_typeof(value)
        END
    ) STORED
) ON COMMIT DROP;

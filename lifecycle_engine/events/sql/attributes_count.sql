-- Count what a batch said of the names that are known, and note the newest value that does not fit.
-- One row touched is one name. A date fits a text.
WITH fitted AS (
    SELECT
        known.id,
        said.*,
        said.kind = known.kind OR (known.kind = 'text' AND said.kind = 'moment') AS fits
    FROM attributes_said AS said
    INNER JOIN customers_attribute AS known USING (name)
),

figures AS (
    SELECT
        id,
        COUNT(*) AS seen,
        MIN(occurred_at) AS first_seen_at,
        MAX(occurred_at) AS last_seen_at,
        COUNT(*) FILTER (WHERE NOT fits) AS conflicts
    FROM fitted
    GROUP BY id
),

conflict AS (
    SELECT DISTINCT ON (id) id, kind, source, occurred_at, event_id
    FROM fitted
    WHERE NOT fits
    ORDER BY id, txid DESC, event_id DESC
)

UPDATE customers_attribute AS attribute
SET
    seen = attribute.seen + figures.seen,
    first_seen_at = LEAST(attribute.first_seen_at, figures.first_seen_at),
    last_seen_at = GREATEST(attribute.last_seen_at, figures.last_seen_at),
    conflicts = attribute.conflicts + figures.conflicts,
    conflict_kind = COALESCE(conflict.kind, attribute.conflict_kind),
    conflict_source = COALESCE(conflict.source, attribute.conflict_source),
    conflict_at = COALESCE(conflict.occurred_at, attribute.conflict_at),
    -- What a file said is not in the log.
    conflict_event_id = CASE
        WHEN conflict.id IS NULL THEN attribute.conflict_event_id
        ELSE conflict.event_id
    END
FROM figures
LEFT JOIN conflict ON conflict.id = figures.id
WHERE attribute.id = figures.id;

-- Learn the names that are new. One row touched is one of them. Its kind is the one that most of its
-- values in the batch have, but text where some texts are no dates.
INSERT INTO customers_attribute (
    name, kind, fixed, description, seen, first_seen_at, last_seen_at, conflicts, conflict_kind,
    conflict_source
)
SELECT
    name,
    CASE
        WHEN MODE() WITHIN GROUP (ORDER BY REPLACE(kind, 'moment', 'text')) = 'text'
            THEN CASE WHEN BOOL_OR(kind = 'text') THEN 'text' ELSE 'moment' END
        ELSE MODE() WITHIN GROUP (ORDER BY REPLACE(kind, 'moment', 'text'))
    END,
    FALSE,
    '',
    0,
    MIN(occurred_at),
    MAX(occurred_at),
    0,
    '',
    ''
FROM attributes_said
WHERE NOT EXISTS (SELECT FROM customers_attribute AS known WHERE known.name = attributes_said.name)
GROUP BY name
ORDER BY MIN(occurred_at), name
LIMIT GREATEST(0, %(limit)s - (SELECT COUNT(*) FROM customers_attribute))
ON CONFLICT (name) DO NOTHING;

-- One row is one profile of a customer whose newest word on profiling is no. A yes that has expired is
-- no word: the no before it stands again. Without a time: as things stand, whenever it was said.
WITH newest AS (
    SELECT DISTINCT ON (root_id) root_id, granted
    FROM (
        SELECT
            COALESCE(profile.merged_into_id, profile.id) AS root_id,
            entry.granted,
            entry.recorded_at
        FROM customers_consent AS entry
        INNER JOIN customers_customer AS profile ON profile.id = entry.customer_id
        WHERE entry.purpose = 'profiling'
            AND entry.recorded_at <= COALESCE(%(at)s::timestamptz, 'infinity')
            AND (entry.expires_at IS NULL OR entry.expires_at > COALESCE(%(at)s::timestamptz, NOW()))
    ) AS said
    ORDER BY root_id, recorded_at DESC, granted
)

SELECT root_id FROM newest WHERE NOT granted
UNION
SELECT part.id
FROM customers_customer AS part
INNER JOIN newest ON newest.root_id = part.merged_into_id
WHERE NOT newest.granted;

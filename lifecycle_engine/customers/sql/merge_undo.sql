-- Make a profile, whose own merge is undone already, a customer again, with all that were merged
-- into it. One row is one profile that belongs to another customer than before.
WITH RECURSIVE part (id) AS (
    SELECT %(profile_id)s::bigint
    UNION ALL
    SELECT merge.profile_id
    FROM customers_merge AS merge
    JOIN part ON merge.into_id = part.id
    WHERE merge.undone_at IS NULL
)
UPDATE customers_customer AS profile
SET merged_into_id = nullif(%(profile_id)s::bigint, profile.id)
FROM part
WHERE profile.id = part.id
RETURNING profile.id;

-- One row: a segment by list of which somebody joined or left, and how many. A member is the customer
-- that a listed profile is part of, since the first of their profiles was listed. profile_ids are all
-- profiles of the customers who are looked at; null for everybody.
WITH wanted AS (
    SELECT
        l.segment_id,
        coalesce(c.merged_into_id, c.id) AS customer_id,
        min(l.listed_at) AS joined_at
    FROM segments_listedprofile l
    JOIN customers_customer c ON c.id = l.customer_id
    WHERE l.segment_id = ANY (%(segment_ids)s)
      AND (%(profile_ids)s::bigint[] IS NULL OR l.customer_id = ANY (%(profile_ids)s::bigint[]))
      AND c.erased_at IS NULL
    GROUP BY 1, 2
), gone AS (
    DELETE FROM segments_membership m
    WHERE m.segment_id = ANY (%(segment_ids)s)
      AND (%(profile_ids)s::bigint[] IS NULL OR m.customer_id = ANY (%(profile_ids)s::bigint[]))
      AND NOT EXISTS (
          SELECT FROM wanted w
          WHERE w.segment_id = m.segment_id AND w.customer_id = m.customer_id
      )
    RETURNING m.segment_id, m.customer_id
), dated AS (
    UPDATE segments_membership m SET joined_at = w.joined_at
    FROM wanted w
    WHERE w.segment_id = m.segment_id AND w.customer_id = m.customer_id
      AND w.joined_at <> m.joined_at
), come AS (
    INSERT INTO segments_membership (segment_id, customer_id, joined_at)
    SELECT w.segment_id, w.customer_id, w.joined_at
    FROM wanted w
    WHERE NOT EXISTS (
        SELECT FROM segments_membership m
        WHERE m.segment_id = w.segment_id AND m.customer_id = w.customer_id
    )
    RETURNING segment_id, customer_id
), noted AS (
    INSERT INTO segments_membershipchange (segment_id, customer_id, kind, at, cause)
    SELECT segment_id, customer_id, 'joined', %(at)s, %(cause)s FROM come
    UNION ALL
    SELECT segment_id, customer_id, 'left', %(at)s, %(cause)s FROM gone
    RETURNING segment_id, kind
)
SELECT
    segment_id,
    count(*) FILTER (WHERE kind = 'joined'),
    count(*) FILTER (WHERE kind = 'left')
FROM noted
GROUP BY segment_id

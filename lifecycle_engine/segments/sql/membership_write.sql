-- One row: a segment of which somebody joined or left, and how many. segment_member holds the members
-- among the customers in segment_asked or, with everybody, all members that there are.
WITH gone AS (
    DELETE FROM segments_membership m
    WHERE m.segment_id = ANY (%(segment_ids)s)
      AND NOT EXISTS (
          SELECT FROM segment_member e
          WHERE e.segment_id = m.segment_id AND e.customer_id = m.customer_id
      )
      AND (%(everybody)s OR m.customer_id IN (SELECT a.customer_id FROM segment_asked a))
    RETURNING m.segment_id, m.customer_id
), come AS (
    INSERT INTO segments_membership (segment_id, customer_id, joined_at)
    SELECT e.segment_id, e.customer_id, %(at)s
    FROM segment_member e
    -- Who was erased since the rule was asked is left out.
    JOIN customers_customer c ON c.id = e.customer_id
    WHERE NOT EXISTS (
        SELECT FROM segments_membership m
        WHERE m.segment_id = e.segment_id AND m.customer_id = e.customer_id
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

-- One row: how many joined and left. segment_evaluated holds either some customers, each a member or
-- not, or, with everybody, all members that there are.
WITH gone AS (
    DELETE FROM segments_membership m
    WHERE m.segment_id = %(segment_id)s
      AND NOT EXISTS (
          SELECT FROM segment_evaluated e WHERE e.customer_id = m.customer_id AND e.member
      )
      AND (
          %(everybody)s
          OR EXISTS (SELECT FROM segment_evaluated e WHERE e.customer_id = m.customer_id)
      )
    RETURNING m.customer_id
), come AS (
    INSERT INTO segments_membership (segment_id, customer_id, joined_at)
    SELECT %(segment_id)s, e.customer_id, %(at)s
    FROM segment_evaluated e
    -- Who was erased since the warehouse was read is left out.
    JOIN customers_customer c ON c.id = e.customer_id
    WHERE e.member
      AND NOT EXISTS (
          SELECT FROM segments_membership m
          WHERE m.segment_id = %(segment_id)s AND m.customer_id = e.customer_id
      )
    RETURNING customer_id
), noted AS (
    INSERT INTO segments_membershipchange (segment_id, customer_id, kind, at, cause)
    SELECT %(segment_id)s, customer_id, 'joined', %(at)s, %(cause)s FROM come
    UNION ALL
    SELECT %(segment_id)s, customer_id, 'left', %(at)s, %(cause)s FROM gone
)
SELECT (SELECT count(*) FROM come), (SELECT count(*) FROM gone)

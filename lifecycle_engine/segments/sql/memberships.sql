-- One row: a customer who is in a segment.
SELECT s.key AS segment, m.customer_id, m.joined_at
FROM segments_membership m
JOIN segments_segment s ON s.id = m.segment_id

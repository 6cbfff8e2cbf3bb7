-- No row: writes down how large segments are by now, and who came and went, in the row of their day.
INSERT INTO segments_segmentsize (segment_id, day, size, joined, gone)
SELECT s.id, %(day)s, s.size, change.joined, change.gone
FROM unnest(%(segment_ids)s::bigint[], %(joined)s::bigint[], %(gone)s::bigint[])
    AS change (segment_id, joined, gone)
JOIN segments_segment s ON s.id = change.segment_id
ON CONFLICT (segment_id, day) DO UPDATE SET
    size = excluded.size,
    joined = segments_segmentsize.joined + excluded.joined,
    gone = segments_segmentsize.gone + excluded.gone

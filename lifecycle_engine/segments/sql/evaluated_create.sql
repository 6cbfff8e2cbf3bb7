-- For one transaction: whom rules were asked about, and for whom which segment's rule holds.
CREATE TEMPORARY TABLE segment_asked (customer_id bigint NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE segment_member (
    customer_id bigint NOT NULL,
    segment_id bigint NOT NULL
) ON COMMIT DROP

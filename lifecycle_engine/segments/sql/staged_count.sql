-- One row: how many customers the profiles that are set aside belong to, and how many of the profiles are
-- part of another customer.
SELECT
    count(DISTINCT coalesce(c.merged_into_id, c.id)),
    count(*) FILTER (WHERE c.merged_into_id IS NOT NULL)
FROM segments_stagedprofile s
JOIN customers_customer c ON c.id = s.customer_id
WHERE s.imported_id = %(import_id)s AND c.erased_at IS NULL

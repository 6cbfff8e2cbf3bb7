-- Make customers part of others, with all that were part of them. One row touched is one profile.
UPDATE customers_customer AS profile SET merged_into_id = pair.root_id
FROM unnest(%(profile_ids)s::bigint[], %(root_ids)s::bigint[]) AS pair (profile_id, root_id)
WHERE profile.id = pair.profile_id OR profile.merged_into_id = pair.profile_id;

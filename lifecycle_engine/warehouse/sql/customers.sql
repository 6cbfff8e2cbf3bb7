-- One row is one customer, in types that ADBC carries, with what is known of all profiles that are
-- part of it: what it says itself goes first, then the profiles in the order in which they were made
-- (customers.selectors says the same for some customers). Who was erased is nobody.
SELECT
    customer.id,
    customer.external_id,
    coalesce(nullif(customer.email_hash, ''), profiles.email_hash, '') AS email_hash,
    coalesce(nullif(customer.phone_hash, ''), profiles.phone_hash, '') AS phone_hash,
    coalesce(nullif(customer.first_name, ''), profiles.first_name, '') AS first_name,
    coalesce(nullif(customer.last_name, ''), profiles.last_name, '') AS last_name,
    coalesce(nullif(customer.language, ''), profiles.language, '') AS language,
    coalesce(nullif(customer.time_zone, ''), profiles.time_zone, '') AS time_zone,
    coalesce(nullif(customer.country, ''), profiles.country, '') AS country,
    (coalesce(profiles.attributes, '{}') || customer.attributes)::text AS attributes,
    least(customer.created_at, profiles.created_at) AS created_at
FROM customers_customer AS customer
LEFT JOIN (
    SELECT
        merged_into_id AS id,
        (array_agg(email_hash ORDER BY id) FILTER (WHERE email_hash <> ''))[1] AS email_hash,
        (array_agg(phone_hash ORDER BY id) FILTER (WHERE phone_hash <> ''))[1] AS phone_hash,
        (array_agg(first_name ORDER BY id) FILTER (WHERE first_name <> ''))[1] AS first_name,
        (array_agg(last_name ORDER BY id) FILTER (WHERE last_name <> ''))[1] AS last_name,
        (array_agg(language ORDER BY id) FILTER (WHERE language <> ''))[1] AS language,
        (array_agg(time_zone ORDER BY id) FILTER (WHERE time_zone <> ''))[1] AS time_zone,
        (array_agg(country ORDER BY id) FILTER (WHERE country <> ''))[1] AS country,
        -- Of several members with one name the last one stays.
        (
            SELECT jsonb_object_agg(said.key, said.value ORDER BY part.id DESC)
            FROM customers_customer AS part, jsonb_each(part.attributes) AS said
            WHERE part.merged_into_id = profile.merged_into_id
        ) AS attributes,
        min(created_at) AS created_at
    FROM customers_customer AS profile
    WHERE merged_into_id IS NOT NULL /* of customers: merged_into_id */
    GROUP BY merged_into_id
) AS profiles ON profiles.id = customer.id
WHERE customer.merged_into_id IS NULL AND customer.erased_at IS NULL /* of customers: customer.id */

-- One row: the seconds until an API key's bucket is full again.
SELECT extract(epoch FROM full_at - statement_timestamp())::float8
FROM core_apikeybucket
WHERE api_key_id = %(api_key_id)s;

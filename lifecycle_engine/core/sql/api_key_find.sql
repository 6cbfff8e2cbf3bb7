-- The API key with a prefix. Written out, since building the same query anew for each request takes
-- longer than running it.
SELECT * FROM core_apikey WHERE prefix = %(prefix)s;

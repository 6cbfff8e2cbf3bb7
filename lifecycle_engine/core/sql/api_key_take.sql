-- Takes one request from an API key's bucket. One row if there was one to take, none otherwise.
--
-- The generic cell rate algorithm (ITU-T I.371, annex A, "virtual scheduling"): full_at is when the
-- bucket will be full again, every request moves it on by one step, and it may lie at most `depth`
-- ahead. ON CONFLICT locks the row before it looks at it, so of requests in several processes none
-- sees an old full_at. The one clock is the database's; a statement that waited for the lock counts
-- at the time at which it came, which never admits more.
INSERT INTO core_apikeybucket AS bucket (api_key_id, full_at)
VALUES (%(api_key_id)s, statement_timestamp() + %(step)s)
ON CONFLICT (api_key_id) DO UPDATE
SET full_at = greatest(bucket.full_at, statement_timestamp()) + %(step)s
WHERE greatest(bucket.full_at, statement_timestamp()) + %(step)s
    <= statement_timestamp() + %(depth)s
RETURNING true;

-- No row: lets one definition at a time be written, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('segments.definitions', 0))

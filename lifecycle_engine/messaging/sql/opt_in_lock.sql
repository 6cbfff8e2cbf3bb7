-- The right to ask an address for a confirmation, to the end of the transaction. One row.
SELECT pg_advisory_xact_lock(hashtextextended('messaging.opt-in:' || %(address_hash)s, 0));

-- The right to write to the consent ledger, to the end of the transaction. One row.
SELECT pg_advisory_xact_lock(hashtextextended('customers.consents', 0));

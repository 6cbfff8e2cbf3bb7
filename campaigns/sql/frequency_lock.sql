-- One row, empty: from here to the end of the transaction nobody else counts messages against
-- frequency caps, so that two campaigns can't both give the last one away.
SELECT pg_advisory_xact_lock(hashtextextended('campaigns.frequency_cap', 0));

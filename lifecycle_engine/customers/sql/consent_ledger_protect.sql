-- Entries of the consent ledger can't be changed, by nobody and by no statement: not even by the
-- owner of the table or a superuser, as long as the rule is there. Rows can be deleted: an erasure has
-- to. A rule and no trigger; its price is that PostgreSQL takes no INSERT … ON CONFLICT on the table.
CREATE FUNCTION customers_consent_refuse(entry bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entry % of the consent ledger can not be changed', entry
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE RULE customers_consent_append_only AS ON UPDATE TO customers_consent
DO INSTEAD SELECT customers_consent_refuse(old.id);

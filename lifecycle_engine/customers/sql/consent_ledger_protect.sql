-- Entries of the consent ledger can't be changed, by nobody and by no statement: not even by the
-- owner of the table or a superuser, as long as the rule is there. Whose an entry is may change,
-- since a merge of two customers may move it. Rows can be deleted: an erasure has to.
-- A rule and no trigger. Its price: PostgreSQL takes no INSERT … ON CONFLICT on such a table.
CREATE FUNCTION customers_consent_refuse(entry bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entry % of the consent ledger can not be changed', entry
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE RULE customers_consent_append_only AS ON UPDATE TO customers_consent
WHERE (
    old.id, old.channel, old.purpose, old.granted, old.source, old.text_version, old.wording_id,
    old.ip_address, old.user_agent, old.recorded_at, old.expires_at, old.written_at
) IS DISTINCT FROM (
    new.id, new.channel, new.purpose, new.granted, new.source, new.text_version, new.wording_id,
    new.ip_address, new.user_agent, new.recorded_at, new.expires_at, new.written_at
)
DO INSTEAD SELECT customers_consent_refuse(old.id);

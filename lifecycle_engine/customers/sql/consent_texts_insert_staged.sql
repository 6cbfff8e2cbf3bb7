-- Keep the wordings that came with the staged entries. One row touched is one that is new.
INSERT INTO customers_consenttext (purpose, channel, version, language, text, digest)
SELECT DISTINCT ON (purpose, channel, text_version, text_language)
    purpose, channel, text_version, text_language, text, digest
FROM consents_staged
WHERE text <> ''
ORDER BY purpose, channel, text_version, text_language, position
ON CONFLICT (purpose, channel, version, language) DO NOTHING;

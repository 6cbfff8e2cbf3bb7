-- Take the entries off the stage whose wording is not the one that its version stands for. One row
-- is one of them.
DELETE FROM consents_staged AS staged
USING customers_consenttext AS known
WHERE staged.text <> ''
    AND known.purpose = staged.purpose
    AND known.channel = staged.channel
    AND known.version = staged.text_version
    AND known.language = staged.text_language
    AND known.digest <> staged.digest
RETURNING staged.position, staged.customer_id, staged.text_version, staged.text_language;

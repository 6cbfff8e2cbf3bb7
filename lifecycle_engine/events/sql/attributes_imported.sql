-- Put aside what rows of a file say of attributes, which is not in the log. One row is one value.
INSERT INTO attributes_said (name, value, source, occurred_at)
SELECT member.key, member.value, %(source)s, %(at)s
FROM jsonb_array_elements(%(documents)s::jsonb) AS document
CROSS JOIN LATERAL jsonb_each(document) AS member
WHERE jsonb_typeof(member.value) <> 'null'
    AND CHAR_LENGTH(member.key) BETWEEN 1 AND 200;

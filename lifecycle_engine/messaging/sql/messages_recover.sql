-- One row: how many claims whose lease ran out were queued again, and how many became unknown. A
-- claimed message was not handed over: the step to "sending" is committed before that and needs
-- the claim, which is taken away here. An unknown one keeps its claim: should its worker live
-- after all, it may still say what happened.
WITH expired AS (
    SELECT id, state
    FROM messaging_message
    WHERE state IN ('claimed', 'sending') AND lease_until < NOW()
    FOR UPDATE SKIP LOCKED
),

moved AS (
    UPDATE messaging_message AS message
    SET
        state = CASE expired.state WHEN 'claimed' THEN 'queued' ELSE 'unknown' END,
        claim = CASE expired.state WHEN 'claimed' THEN '' ELSE message.claim END,
        reason = CASE expired.state
            WHEN 'claimed' THEN message.reason
            ELSE 'The worker was lost while it sent the message.'
        END,
        lease_until = NULL
    FROM expired
    WHERE message.id = expired.id
    RETURNING message.state
)

SELECT
    COUNT(*) FILTER (WHERE state = 'queued'),
    COUNT(*) FILTER (WHERE state = 'unknown')
FROM moved

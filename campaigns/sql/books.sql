-- One row per source, step and state: how many treated customers of an occurrence stand there.
-- The sources know nothing of one another: ``enrolment`` is where customers stand, ``ledger`` what
-- was decided, ``outbox`` what messages there are. ``stray`` counts what one of ledger and outbox
-- has and the other has not. One statement, so that all is seen at the same moment.
WITH enrolled AS (
    SELECT id, customer_id, arm, state, step
    FROM campaigns_enrolment
    WHERE occurrence_id = %(occurrence_id)s
),
decided AS (
    SELECT decision.enrolment_id, decision.customer_id, decision.step, decision.outcome,
        decision.reference
    FROM campaigns_decision AS decision
    JOIN enrolled ON enrolled.id = decision.enrolment_id
    WHERE enrolled.arm = 'treated'
),
outbox AS (
    SELECT customer_id, split_part(dedupe_key, ':', 3) AS step, state, dedupe_key
    FROM messaging_message
    WHERE dedupe_key LIKE %(prefix)s
),
waiting AS (
    -- Customers who are at a step that isn't decided yet, and whether it was put off.
    SELECT enrolled.step, EXISTS (
        SELECT FROM decided
        WHERE decided.enrolment_id = enrolled.id
          AND decided.step = enrolled.step AND decided.outcome = 'deferred'
    ) AS put_off
    FROM enrolled
    WHERE enrolled.state = 'active' AND enrolled.arm = 'treated'
)
SELECT 'enrolment' AS source, step, state, count(*) FROM enrolled WHERE arm = 'treated' GROUP BY 2, 3
UNION ALL
SELECT 'holdout', step, state, count(*) FROM enrolled WHERE arm = 'holdout' GROUP BY 2, 3
UNION ALL
SELECT 'waiting', step, CASE WHEN put_off THEN 'deferred' ELSE 'pending' END, count(*)
FROM waiting GROUP BY 2, 3
UNION ALL
SELECT 'ledger', step, outcome, count(*) FROM decided WHERE outcome <> 'deferred' GROUP BY 2, 3
UNION ALL
SELECT 'outbox', step, state, count(*) FROM outbox GROUP BY 2, 3
UNION ALL
SELECT 'stray', coalesce(outbox.step, decided.step),
    CASE WHEN outbox.step IS NULL THEN 'no message' ELSE 'no decision' END, count(*)
FROM outbox
FULL JOIN (
    SELECT * FROM decided WHERE outcome = 'acted' AND step = ANY(%(message_steps)s)
) AS decided
    ON decided.reference = outbox.dedupe_key AND decided.customer_id = outbox.customer_id
WHERE outbox.step IS NULL OR decided.step IS NULL
GROUP BY 2, 3;

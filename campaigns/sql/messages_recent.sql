-- One row per customer asked for: messages that campaigns decided on since then, to any of the profiles
-- that are part of the same customer. Business time, so the ledger is asked and not the outbox.
WITH asked AS (
    SELECT id, coalesce(merged_into_id, id) AS root_id
    FROM customers_customer
    WHERE id = ANY(%(customer_ids)s)
),
profile AS (
    SELECT root_id, root_id AS id FROM asked
    UNION
    SELECT part.merged_into_id, part.id
    FROM customers_customer AS part
    WHERE part.merged_into_id IN (SELECT root_id FROM asked)
),
decided AS (
    SELECT profile.root_id, count(*) AS messages
    FROM profile
    JOIN campaigns_decision AS decision ON decision.customer_id = profile.id
    WHERE decision.outcome = 'acted'
      AND decision.action = ANY(%(actions)s)
      AND decision.decided_at > %(since)s
    GROUP BY profile.root_id
)
SELECT asked.id, decided.messages
FROM asked
JOIN decided USING (root_id);

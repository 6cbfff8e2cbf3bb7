-- One row per customer: messages that campaigns decided on since then. Business time, so the
-- ledger is asked and not the outbox.
SELECT customer_id, count(*)
FROM campaigns_decision
WHERE customer_id = ANY(%(customer_ids)s)
  AND outcome = 'acted'
  AND action = ANY(%(actions)s)
  AND decided_at > %(since)s
GROUP BY customer_id;

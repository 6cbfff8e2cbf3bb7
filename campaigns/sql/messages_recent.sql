-- One row per customer: messages that campaigns decided on since then. Business time, so the
-- ledger is asked and not the outbox. What its profiles got counts for the customer.
SELECT coalesce(profile.merged_into_id, profile.id), count(*)
FROM campaigns_decision
JOIN customers_customer AS profile ON profile.id = customer_id
WHERE (profile.id = ANY(%(customer_ids)s) OR profile.merged_into_id = ANY(%(customer_ids)s))
  AND outcome = 'acted'
  AND action = ANY(%(actions)s)
  AND decided_at > %(since)s
GROUP BY 1;

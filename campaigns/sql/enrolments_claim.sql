-- One row per enrolment that is due: locked until this transaction ends, passed over by others.
-- Those of paused campaigns wait.
SELECT
    enrolment.id, enrolment.occurrence_id, enrolment.customer_id, enrolment.arm, enrolment.step,
    enrolment.context, enrolment.attempts
FROM campaigns_enrolment AS enrolment
JOIN campaigns_occurrence AS occurrence ON occurrence.id = enrolment.occurrence_id
JOIN campaigns_campaign AS campaign ON campaign.id = occurrence.campaign_id
WHERE enrolment.state = 'active'
  AND enrolment.due_at <= %(at)s
  AND (enrolment.lease_until IS NULL OR enrolment.lease_until < now())
  AND campaign.state <> 'paused'
ORDER BY enrolment.due_at, enrolment.id
LIMIT %(limit)s
FOR UPDATE OF enrolment SKIP LOCKED;

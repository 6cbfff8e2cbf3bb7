-- One row per occurrence that nobody is on the way through any more, with its campaign.
UPDATE campaigns_occurrence AS occurrence
SET state = 'done'
WHERE occurrence.state = 'running'
  AND NOT EXISTS (
      SELECT FROM campaigns_enrolment AS enrolment
      WHERE enrolment.occurrence_id = occurrence.id AND enrolment.state = 'active'
  )
RETURNING occurrence.id, occurrence.campaign_id;

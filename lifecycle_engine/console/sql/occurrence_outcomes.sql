-- What an occurrence decided. One row is one step with one outcome.
SELECT decision.step, decision.outcome, count(*) AS decisions
FROM campaigns_decision AS decision
JOIN campaigns_enrolment AS enrolment ON enrolment.id = decision.enrolment_id
WHERE enrolment.occurrence_id = %(occurrence_id)s
GROUP BY decision.step, decision.outcome
ORDER BY min(decision.id), decisions DESC;

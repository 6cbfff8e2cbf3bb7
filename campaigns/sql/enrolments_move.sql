-- One row per enrolment whose step was decided: where it stands now.
UPDATE campaigns_enrolment AS enrolment
SET state = moved.state,
    step = moved.step,
    due_at = moved.due_at,
    lease_until = NULL,
    attempts = 0,
    context = moved.context,
    error = moved.error
FROM unnest(
    %(ids)s::bigint[], %(states)s::text[], %(steps)s::text[], %(due_ats)s::timestamptz[],
    %(contexts)s::jsonb[], %(errors)s::text[]
) AS moved (id, state, step, due_at, context, error)
WHERE enrolment.id = moved.id;

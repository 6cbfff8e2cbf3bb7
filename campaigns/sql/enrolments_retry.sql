-- One row per enrolment that met a passing failure: tried again later, later each time.
UPDATE campaigns_enrolment
SET attempts = attempts + 1,
    lease_until = now() + make_interval(secs => 30 * power(2, least(attempts, 8))),
    error = %(error)s
WHERE id = ANY(%(ids)s);

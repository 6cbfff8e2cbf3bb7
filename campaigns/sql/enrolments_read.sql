-- One row per enrolment, for the warehouse.
SELECT occurrence_id, customer_id, arm, state, step FROM campaigns_enrolment;

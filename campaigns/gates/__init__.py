"""What may stop a step for a customer: pure functions, one module each.

A gate takes what is known of the customer (``Facts``), the campaign's policy and the time, and
returns a ``Verdict`` when it stops the step, or None. It reads no database and no clock.
"""

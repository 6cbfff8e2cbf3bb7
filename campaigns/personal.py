"""What campaigns keep of a customer: enrolments and decisions stay, since results are their sum."""

from campaigns.models import Decision, Enrolment
from lifecycle_engine.customers.privacy import Names, eraser, personal_data


@eraser
def journeys_stop(names: Names) -> int:
    """Nobody who was erased goes on with a journey."""
    rows = Enrolment.objects.filter(customer__in=names.profile_ids, state=Enrolment.State.ACTIVE)
    return rows.update(state=Enrolment.State.STOPPED)


personal_data(Enrolment, blank={"context": {}, "error": ""})
personal_data(Decision, blank={"reason": ""})

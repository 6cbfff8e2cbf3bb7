"""What this app keeps of a customer beside the customer itself."""

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.customers.models import Consent, Identifier, Merge, MergeSuggestion
from lifecycle_engine.customers.privacy import personal_data, personal_text

personal_data(Identifier)
personal_data(Consent)
personal_data(Merge, owners=("profile", "into"))
personal_data(MergeSuggestion, owners=("first", "second"), hidden={"first", "second"})
personal_text(JobRun, "error")

"""What messaging keeps of a customer: messages stay for a campaign's books, without what they said.

Suppressions stay as they are: a keyed hash that keeps the address from being written to again.
"""

from lifecycle_engine.customers.privacy import personal_data
from lifecycle_engine.messaging.models import Message, OptIn

personal_data(Message, blank={"context": {}, "provider_id": "", "reason": ""}, hidden={"claim"})
personal_data(OptIn)

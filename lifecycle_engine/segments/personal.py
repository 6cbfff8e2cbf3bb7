"""What segments keep of a customer."""

from lifecycle_engine.customers.privacy import personal_data, personal_text
from lifecycle_engine.segments.models import (
    CustomerStage,
    ListedProfile,
    Membership,
    MembershipChange,
    Segment,
    StagedProfile,
    StageTransition,
)

for _model in (
    *(Membership, ListedProfile, StagedProfile, MembershipChange),
    *(CustomerStage, StageTransition),
):
    personal_data(_model)
personal_text(Segment, "error")

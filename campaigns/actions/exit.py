"""The end of a journey, said aloud."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.sdk.actions import Action, ActionOutcome, Batch, actions
from lifecycle_engine.sdk.registry import Config


@actions.register
class Exit(Action[Config]):
    """Ends the journey; does nothing else."""

    key = "exit"
    label = gettext_lazy("End")
    ends = True

    def execute(self, batch: Batch) -> Mapping[int, ActionOutcome]:
        """Note that the customers have come to the end."""
        return {recipient.id: ActionOutcome.acted() for recipient in batch.recipients}

    def sentence(self) -> str:
        """The step in words."""
        return _("end")

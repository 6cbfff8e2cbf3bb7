"""Templates and the outbox in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.messaging import suppression_admin  # noqa: F401 - registers its pages
from lifecycle_engine.messaging.models import Message, MessageState, MessageTemplate


@admin.register(MessageTemplate)
class MessageTemplateAdmin(EngineAdmin):
    """The texts we send."""

    list_display = ["name", "key", "channel", "purpose", "subject"]
    list_filter = ["channel", "purpose"]
    search_fields = ["name", "key"]
    prepopulated_fields = {"key": ["name"]}
    ordering = ["name"]


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    """The outbox."""

    list_display = [
        "id",
        "customer",
        "channel",
        "template",
        "state_shown",
        "campaign",
        "queued_at",
        "sent_at",
    ]
    list_filter = ["state", "template"]
    list_select_related = ["customer", "template"]
    search_fields = ["=customer__external_id", "=campaign"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            MessageState.QUEUED: "info",
            MessageState.SENDING: "info",
            MessageState.SENT: "success",
            MessageState.DELIVERED: "success",
            MessageState.BOUNCED: "danger",
            MessageState.SUPPRESSED: "warning",
            MessageState.FAILED: "danger",
            MessageState.UNKNOWN: "danger",
        },
    )
    def state_shown(self, message: Message) -> tuple[str, str]:
        """The state as a coloured label."""
        return message.state, str(message.get_state_display())

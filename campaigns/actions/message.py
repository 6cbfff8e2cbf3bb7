"""Queueing a message to each customer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from lifecycle_engine.messaging.models import MessageTemplate
from lifecycle_engine.messaging.services import QueuedMessage, QueueError, messages_queue
from lifecycle_engine.scoring.selectors import RecommendedProduct, recommendations_of
from lifecycle_engine.sdk.actions import (
    Action,
    ActionOutcome,
    Batch,
    ConfigProblem,
    Recipient,
    actions,
)
from lifecycle_engine.sdk.errors import PermanentError
from lifecycle_engine.sdk.registry import Config


class MessageConfig(Config):
    """Which template, and how many recommended products it shows."""

    template: str = Field(min_length=1, title="Template", description="Key of the template.")
    recommendations: int = Field(
        default=0, ge=0, le=20, title="Products", description="Recommended products to show."
    )


class MessageAction(Action[MessageConfig]):
    """Queues one message per customer, occurrence and step in the outbox.

    The template gets ``customer``, ``campaign``, ``recommendations``, and whatever earlier steps
    left, such as ``coupon``.
    """

    Config = MessageConfig

    def execute(self, batch: Batch) -> Mapping[int, ActionOutcome]:
        """Queue a message for each; the outbox takes each deduplication key only once."""
        if not batch.recipients:
            return {}
        products = self._products(batch.recipients)
        rows = {
            recipient.id: QueuedMessage(
                customer_id=recipient.id,
                template_key=self.config.template,
                channel=self.channel,
                campaign=batch.campaign_key,
                dedupe_key=f"{batch.occasion}:{recipient.id}",
                context=_context(batch, recipient, products.get(recipient.id, ())),
            )
            for recipient in batch.recipients
        }
        try:
            messages_queue(rows=list(rows.values()))
        except QueueError as error:
            raise PermanentError(str(error)) from error
        return {key: ActionOutcome.acted(reference=row.dedupe_key) for key, row in rows.items()}

    def problems(self) -> Iterable[ConfigProblem]:
        """The template has to exist, and to be for this channel."""
        template = MessageTemplate.objects.filter(key=self.config.template).first()
        if template is None:
            yield ConfigProblem("template", self.config.template, _("there is no such template"))
        elif template.channel != self.channel:
            yield ConfigProblem(
                "template",
                self.config.template,
                _("this template is for the channel “%(its)s”, not for “%(ours)s”")
                % {"its": template.channel, "ours": self.channel},
            )

    def _products(
        self, recipients: Sequence[Recipient]
    ) -> Mapping[int, Sequence[RecommendedProduct]]:
        if not self.config.recommendations:
            return {}
        return recommendations_of(
            customer_ids=[recipient.id for recipient in recipients],
            limit=self.config.recommendations,
        )


@actions.register
class EmailMessage(MessageAction):
    """Sends an e-mail from a template."""

    key = "message.email"
    label = gettext_lazy("Send an e-mail")
    channel = "email"

    def sentence(self) -> str:
        """The step in words."""
        return _("send the e-mail “%s”") % self.config.template


@actions.register
class SmsMessage(MessageAction):
    """Sends an SMS from a template."""

    key = "message.sms"
    label = gettext_lazy("Send an SMS")
    channel = "sms"

    def sentence(self) -> str:
        """The step in words."""
        return _("send the SMS “%s”") % self.config.template


def _context(
    batch: Batch, recipient: Recipient, products: Sequence[RecommendedProduct]
) -> dict[str, Any]:
    customer = asdict(recipient)
    carried = customer.pop("context")
    return {
        **carried,
        "customer": customer,
        "campaign": {"key": batch.campaign_key, "name": batch.campaign_name},
        "recommendations": [
            {
                "sku": product.sku,
                "name": product.name,
                "price": None if product.price is None else str(product.price),
                "url": product.url,
                "reason": product.reason,
            }
            for product in products
        ],
    }

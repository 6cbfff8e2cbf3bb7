"""The suppression list and double opt-ins in the admin.

The list shows keyed hashes and names nobody. Whether one address is on it is asked by a form that
is posted, so that the address stands in no URL, no log and no history.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from lifecycle_engine.core.modeladmin import RecordAdmin, labelled
from lifecycle_engine.customers.models import ConsentPurpose
from lifecycle_engine.messaging.models import OptIn, OptInState, Suppression
from lifecycle_engine.messaging.suppressions import (
    SuppressionError,
    address_suppressions,
    suppression_add,
    suppression_lift,
)
from lifecycle_engine.sdk.channels import channels

_EVERYWHERE, _HERE, _MARKETING = "everywhere", "channel", "marketing"


def _channel_choices() -> list[tuple[str, str]]:
    return [(kind.key, str(kind.label)) for kind in channels]


class AddressForm(forms.Form):
    """An address, and which kind of address it is."""

    channel = forms.ChoiceField(
        label=_("Kind of address"), choices=_channel_choices, widget=UnfoldAdminSelectWidget
    )
    address = forms.CharField(
        label=_("Address"),
        max_length=320,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class SuppressionForm(AddressForm):
    """An address that is not to be written to any more."""

    scope = forms.ChoiceField(
        label=_("What is stopped"),
        choices=[
            (_MARKETING, _("Advertising on this channel")),
            (_HERE, _("Everything on this channel")),
            (_EVERYWHERE, _("Everything, on every channel with such addresses")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(label=_("Reason"), max_length=100, widget=UnfoldAdminTextInputWidget)


class LiftForm(forms.Form):
    """Why an entry is taken back."""

    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(Suppression)
class SuppressionAdmin(RecordAdmin):
    """Addresses that are not written to, as keyed hashes."""

    actions_list = ["add_address", "check_address"]
    actions_detail = ["lift"]
    list_display = [
        *("hash_shown", "scope_shown", "state_shown", "reason", "source", "added_by"),
        *("created_at", "lifted_at"),
    ]
    ordering = ["-id"]
    fields = [
        ("hash_shown", "scope_shown"),
        ("reason", "source"),
        ("added_by", "created_at"),
        ("lifted_at", "lifted_by"),
        "lift_reason",
    ]
    readonly_fields = [
        *("hash_shown", "scope_shown"),
    ]

    @admin.display(description=_("address (keyed hash)"))
    def hash_shown(self, entry: Suppression) -> str:
        """The beginning of the hash, which is enough to tell entries apart."""
        return f"{entry.address_hash[:12]}…"

    @admin.display(description=_("what is stopped"))
    def scope_shown(self, entry: Suppression) -> str:
        """The channel and the purpose in words."""
        where = entry.channel
        if not where:
            where = gettext("every channel")
        elif where in channels:
            where = str(channels.get(where).label)
        known = entry.purpose in ConsentPurpose.values
        purpose = str(ConsentPurpose(entry.purpose).label) if known else entry.purpose
        return f"{where}: {purpose or gettext('everything')}"

    @labelled(description=_("state"), colours={"holds": "danger", "lifted": "success"})
    def state_shown(self, entry: Suppression) -> tuple[str, str]:
        """Whether the entry still holds."""
        if entry.lifted_at is None:
            return "holds", gettext("holds")
        return "lifted", gettext("lifted")

    def has_suppress_permission(
        self,
        request: HttpRequest,
        obj: Any = None,  # noqa: ARG002 - the theme gives it
    ) -> bool:
        """Who may add and lift entries, which nobody changes or deletes otherwise."""
        return bool(request.user.has_perm("messaging.change_suppression"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """What was lifted can't be lifted again."""
        entry = self.get_object(request, str(object_id))
        found = super().get_actions_detail(request, object_id)
        return found if entry is not None and entry.lifted_at is None else []

    @action(  # type: ignore[untyped-decorator]
        description=_("Suppress an address"), url_path="add-address", permissions=["suppress"]
    )
    def add_address(self, request: HttpRequest) -> HttpResponse:
        """Ask for the address and the reason, then suppress it."""
        form = SuppressionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                fresh = suppression_add(
                    channel=said["channel"],
                    address=said["address"],
                    reason=said["reason"],
                    purpose=ConsentPurpose.MARKETING.value if said["scope"] == _MARKETING else "",
                    everywhere=said["scope"] == _EVERYWHERE,
                    source="staff",
                    by=request.user.get_username(),
                )
            except SuppressionError as error:
                form.add_error("address", str(error))
            else:
                told = (
                    gettext("The address is suppressed.")
                    if fresh
                    else gettext("The address was suppressed before; nothing was changed.")
                )
                messages.success(request, told)
                return HttpResponseRedirect(reverse("admin:messaging_suppression_changelist"))
        title = gettext("Suppress an address")
        return self._page(request, title=title, form=form, button=title)

    @action(  # type: ignore[untyped-decorator]
        description=_("Check an address"), url_path="check-address", permissions=["view"]
    )
    def check_address(self, request: HttpRequest) -> HttpResponse:
        """Say whether an address is suppressed, and why."""
        form = AddressForm(request.POST or None)
        found = None
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            found = [
                {"entry": entry, "scope": self.scope_shown(entry)}
                for entry in address_suppressions(channel=said["channel"], address=said["address"])
            ]
        title = gettext("Check an address")
        return self._page(request, title=title, form=form, button=gettext("Check"), found=found)

    @action(  # type: ignore[untyped-decorator]
        description=_("Lift"), url_path="lift", permissions=["suppress"], icon="lock_open"
    )
    def lift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, then lift the entry."""
        entry: Suppression | None = self.get_object(request, object_id)
        if entry is None:
            raise Http404
        if not self.has_suppress_permission(request, entry):
            raise PermissionDenied
        form = LiftForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    suppression_lift(
                        suppression_id=entry.pk,
                        reason=form.cleaned_data["reason"],
                        by=request.user.get_username(),
                        at=timezone.now(),
                    )
                    self.log_change(request, entry, gettext("Lifted."))
            except SuppressionError as error:
                messages.error(request, str(error))
            else:
                messages.success(request, gettext("The suppression is lifted."))
            return HttpResponseRedirect(
                reverse("admin:messaging_suppression_change", args=[entry.pk])
            )
        title = gettext("Lift the suppression")
        return self._page(request, title=title, form=form, button=gettext("Lift"), entry=entry)

    def _page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        back = reverse("admin:messaging_suppression_changelist")
        return TemplateResponse(
            request,
            "messaging/admin_suppression.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "back_url": back,
                **context,
            },
        )


@admin.register(OptIn)
class OptInAdmin(RecordAdmin):
    """Who was asked to confirm a subscription, and who did."""

    list_display = [
        *("customer", "channel", "purpose", "state_shown", "source", "mails"),
        *("requested_at", "confirmed_at"),
    ]
    list_filter = ["state"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            OptInState.PENDING: "info",
            OptInState.CONFIRMED: "success",
            OptInState.REPLACED: "warning",
            "expired": "warning",
        },
    )
    def state_shown(self, opt_in: OptIn) -> tuple[str, str]:
        """The state as a coloured label."""
        if opt_in.state == OptInState.PENDING and opt_in.expires_at <= timezone.now():
            return "expired", gettext("Expired")
        return opt_in.state, str(OptInState(opt_in.state).label)

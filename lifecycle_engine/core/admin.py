"""API keys and job runs in the admin."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
)

from lifecycle_engine.core.addresses import NetworkError, networks_read
from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.core.models import (
    PARTNER_PATTERN,
    ApiKey,
    ApiKeyState,
    JobRun,
    JobState,
    Scope,
)
from lifecycle_engine.core.services import (
    GRACE_DEFAULT,
    GRACE_LONGEST,
    NAME_LIMIT,
    ApiKeyError,
    api_key_change,
    api_key_create,
    api_key_revoke,
    api_key_rotate,
)

_HOUR = timedelta(hours=1)


class NetworksField(forms.CharField):
    """Addresses and networks, one a line."""

    def prepare_value(self, value: Any) -> Any:
        """The list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The lines as a list.

        Raises:
            ValidationError: one is no network; the message names it.
        """
        given = value if isinstance(value, list) else re.split(r"[\s,]+", value or "")
        try:
            return networks_read(text for text in given if text)
        except NetworkError as error:
            raise ValidationError(str(error)) from None


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What staff choose about a key; the key itself is made by the service."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    allowed_networks = NetworksField(
        label=_("Allowed addresses"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("Addresses and networks such as 192.0.2.0/24, one a line. Empty: everywhere."),
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "rate_limit", "allowed_networks", "partner", "expires_at"]

    def clean_partner(self) -> str:
        """The partner's name, as consents to share with it have it."""
        partner: str = self.cleaned_data["partner"]
        if partner and not re.fullmatch(PARTNER_PATTERN, partner):
            raise ValidationError(
                gettext("Use small letters, digits, dots, dashes and underscores.")
            )
        return partner

    def clean_name(self) -> str:
        """The name, which becomes part of the source of the key's events."""
        name: str = self.cleaned_data["name"]
        if len(name) > NAME_LIMIT or not name.isprintable():
            raise ValidationError(
                gettext("Use at most %(limit)d printable characters.") % {"limit": NAME_LIMIT}
            )
        return name


class RotationForm(forms.Form):
    """How long the old secret stays good, and which one was the last when staff looked."""

    grace_hours = forms.IntegerField(
        label=_("Hours for which the old secret stays good"),
        initial=GRACE_DEFAULT // _HOUR,
        min_value=0,
        max_value=GRACE_LONGEST // _HOUR,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("0 ends it at once, as after a leak."),
    )
    rotated_at = forms.CharField(required=False, widget=forms.HiddenInput)


@admin.register(ApiKey)
class ApiKeyAdmin(EngineAdmin):
    """Keys of partner systems.

    A new key stands in the answer to the request that made it and nowhere else: it is in no
    message, session or address, so there is nothing to show it from again.
    """

    form = ApiKeyForm
    actions_detail = ["rotate", "revoke"]
    list_display = [
        "name",
        "prefix_shown",
        "state_shown",
        "scopes_shown",
        "rate_limit",
        "last_used_at",
        "expires_at",
    ]
    search_fields = ["name", "=prefix"]
    readonly_fields = [
        "prefix_shown",
        "state_words",
        "created_at",
        "last_used_at",
        "rotated_at",
        "previous_until",
        "revoked_at",
    ]
    ordering = ["name"]

    @admin.display(description=_("begins with"), ordering="prefix")
    def prefix_shown(self, key: ApiKey) -> str:
        """What the key begins with, by which a partner can tell which one it has."""
        return f"le_{key.prefix}_…"

    @labelled(
        description=_("state"),
        colours={
            ApiKeyState.ACTIVE: "success",
            ApiKeyState.ROTATING: "info",
            ApiKeyState.EXPIRED: "warning",
            ApiKeyState.REVOKED: "danger",
        },
    )
    def state_shown(self, key: ApiKey) -> tuple[str, str]:
        """The state as a coloured label."""
        state = key.state(at=timezone.now())
        return state, str(state.label)

    @admin.display(description=_("state"))
    def state_words(self, key: ApiKey) -> str:
        """The state on the key's own page."""
        return str(key.state(at=timezone.now()).label)

    @admin.display(description=_("scopes"))
    def scopes_shown(self, key: ApiKey) -> str:
        """The scopes in words."""
        return ", ".join(str(Scope(scope).label) for scope in key.scopes)

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """What can be chosen, and below it, once there is a key, what happened to it."""
        chosen = ["name", "scopes", "rate_limit", "allowed_networks", "partner", "expires_at"]
        known = [
            ("prefix_shown", "state_words"),
            ("created_at", "last_used_at"),
            ("rotated_at", "previous_until"),
            "revoked_at",
        ]
        history = [(_("History"), {"fields": known})] if obj else []
        return [(None, {"fields": chosen}), *history]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        """A name is part of the source of the key's events: it stays."""
        return [*self.readonly_fields, *(["name"] if obj else [])]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """A key that has ended can't be rotated, and a revoked one not revoked."""
        key = self.get_object(request, str(object_id))
        state = key.state(at=timezone.now()) if key else ApiKeyState.REVOKED
        gone = {
            ApiKeyState.REVOKED: {"core_apikey_rotate", "core_apikey_revoke"},
            ApiKeyState.EXPIRED: {"core_apikey_rotate"},
        }.get(state, set())
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name not in gone]

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key is revoked, so that what it did can still be told."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make or change the key through the service."""
        wanted = ("scopes", "rate_limit", "allowed_networks", "partner", "expires_at")
        settings = {field: form.cleaned_data[field] for field in wanted}
        if change:
            api_key_change(name=obj.name, **settings)
            return
        record, key = api_key_create(name=form.cleaned_data["name"], **settings)
        obj.__dict__.update(record.__dict__, new_key=key)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The new key, whichever button was pressed."""
        return self._key_page(request, obj, obj.__dict__.pop("new_key"))

    @action(  # type: ignore[untyped-decorator]
        description=_("Rotate"), url_path="rotate", permissions=["change"], icon="autorenew"
    )
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the grace, then give the key a new secret and show it."""
        record = self._record(request, object_id)
        seen = record.rotated_at.isoformat() if record.rotated_at else ""
        form = RotationForm(request.POST or None, initial={"rotated_at": seen})
        if request.method != "POST" or not form.is_valid():
            return self._confirmation(request, record, gettext("Rotate %(name)s"), form=form)
        grace = form.cleaned_data["grace_hours"] * _HOUR
        try:
            with transaction.atomic():
                # A page that is sent twice would end the secret that the partner uses: the grace
                # is for the last one only.
                record = ApiKey.objects.select_for_update().get(pk=record.pk)
                seen = record.rotated_at.isoformat() if record.rotated_at else ""
                if form.cleaned_data["rotated_at"] != seen:
                    raise ApiKeyError(gettext("The key was rotated in the meantime."))
                record, key = api_key_rotate(name=record.name, grace=grace, at=timezone.now())
                self.log_change(request, record, gettext("Rotated."))
        except ApiKeyError as error:
            messages.error(request, str(error))
            return self._to_record(record)
        return self._key_page(request, record, key)

    @action(  # type: ignore[untyped-decorator]
        description=_("Revoke"), url_path="revoke", permissions=["change"], icon="block"
    )
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end the key."""
        record = self._record(request, object_id)
        if request.method != "POST":
            return self._confirmation(request, record, gettext("Revoke %(name)s"))
        with transaction.atomic():
            api_key_revoke(name=record.name, at=timezone.now())
            self.log_change(request, record, gettext("Revoked."))
        messages.success(request, gettext("%(name)s is revoked.") % {"name": record.name})
        return self._to_record(record)

    def _record(self, request: HttpRequest, object_id: str) -> ApiKey:
        record: ApiKey | None = self.get_object(request, object_id)
        if record is None:
            raise Http404
        if not self.has_change_permission(request, record):
            raise PermissionDenied
        return record

    def _to_record(self, record: ApiKey) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:core_apikey_change", args=[record.pk]))

    def _confirmation(
        self,
        request: HttpRequest,
        record: ApiKey,
        title: str,
        *,
        form: RotationForm | None = None,
    ) -> HttpResponse:
        context = self._context(request, record) | {"title": title % {"name": record}, "form": form}
        return TemplateResponse(request, "core/api_key_confirmation.html", context)

    def _key_page(self, request: HttpRequest, record: ApiKey, key: str) -> HttpResponse:
        title = gettext("The key of %(name)s") % {"name": record}
        context = self._context(request, record) | {"title": title, "key": key}
        response = TemplateResponse(request, "core/api_key_shown.html", context)
        # Neither the browser nor a proxy may keep it.
        add_never_cache_headers(response)
        return response

    def _context(self, request: HttpRequest, record: ApiKey) -> dict[str, Any]:
        request.current_app = self.admin_site.name
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": record,
            "record_url": reverse("admin:core_apikey_change", args=[record.pk]),
        }


@admin.register(JobRun)
class JobRunAdmin(RecordAdmin):
    """Background work: state, progress, duration, last error."""

    list_display = ["name", "subject", "state_shown", "progress", "started_at", "seconds"]
    list_filter = ["state"]
    search_fields = ["name", "subject"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            JobState.QUEUED: "info",
            JobState.RUNNING: "info",
            JobState.SUCCEEDED: "success",
            JobState.FAILED: "danger",
        },
    )
    def state_shown(self, run: JobRun) -> tuple[str, str]:
        """The state as a coloured label."""
        return run.state, str(run.get_state_display())

    @admin.display(description=_("progress"))
    def progress(self, run: JobRun) -> str:
        """How much of it is done, in its own unit."""
        if not run.done and run.total is None:
            return "–"
        total = "" if run.total is None else f" / {run.total:,}"
        return f"{run.done:,}{total} {run.unit}".strip()

    @admin.display(description=_("seconds"))
    def seconds(self, run: JobRun) -> str:
        """How long it took."""
        if run.finished_at is None:
            return "–"
        return f"{(run.finished_at - run.started_at).total_seconds():.1f}"

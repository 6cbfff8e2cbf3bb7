"""The pages behind the links in messages: unsubscribe, preferences, confirm.

None wants a login: the signed link is the authority. GET changes nothing anywhere, since mail
scanners follow links. A form is posted to the link itself, so that it carries the token, which
whoever forges a request doesn't have.
"""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from lifecycle_engine.core.addresses import client_address
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.selectors import customers_whole
from lifecycle_engine.messaging import opt_in, preferences
from lifecycle_engine.messaging.preference_links import (
    PreferenceToken,
    PreferenceTokenError,
    preference_token_read,
)
from lifecycle_engine.messaging.preferences import Choice, Option, Proof
from lifecycle_engine.messaging.unsubscribe import (
    UnsubscribeToken,
    UnsubscribeTokenError,
    unsubscribe_token_read,
)

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


# A mail program posts without cookies (RFC 8058), and who opens a link has no session.
@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class AddresseeView(View):
    """A page for whoever got a message."""

    http_method_names = ["get", "head", "post"]

    def page(
        self, request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HttpResponse:
        """The page, which runs no script, loads nothing from elsewhere and tells nobody its URL."""
        sender, _address = parseaddr(settings.DEFAULT_FROM_EMAIL)
        response = render(request, template, {"sender": sender, **context}, status=status)
        response["Content-Security-Policy"] = _POLICY
        response["Referrer-Policy"] = "no-referrer"
        response["Content-Language"] = translation.get_language() or ""
        return response

    def proof(self, request: HttpRequest) -> Proof:
        """When and from where something is said."""
        agent = request.headers.get("User-Agent", "")
        return Proof(timezone.now(), client_address(request), agent)


class UnsubscribeView(AddresseeView):
    """GET asks; POST unsubscribes."""

    template = "messaging/unsubscribe.html"

    def get(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Ask for confirmation."""
        with translation.override(_language_of(_unsubscribe_token(signed))):
            return self.page(request, self.template, {"done": False})

    def post(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Unsubscribe; as often as one likes, and never with a redirect."""
        token = _unsubscribe_token(signed)
        preferences.unsubscribe(token=token, proof=self.proof(request))
        with translation.override(_language_of(token)):
            return self.page(request, self.template, {"done": True})


class PreferencesView(AddresseeView):
    """GET shows what the customer agreed to; POST changes it."""

    template = "messaging/preferences.html"

    def get(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Show the choices."""
        token = _preference_token(signed)
        customer = preferences.preference_customer(token)
        with translation.override(_language(customer)):
            return self._shown(request, token, customer)

    def post(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Save the choices, or stop everything, and show what came of it."""
        token = _preference_token(signed)
        customer = preferences.preference_customer(token)
        with translation.override(_language(customer)):
            proof = self.proof(request)
            if "everything" in request.POST:
                preferences.everything_withdraw(token=token, proof=proof)
                return self._shown(request, token, customer, stopped=True)
            if customer is None:
                return self._shown(request, token, customer)
            options = preferences.preference_options(customer=customer, at=proof.at)
            saved = preferences.preferences_save(
                customer=customer,
                token=token,
                choices=_choices(request, options),
                proof=proof,
            )
            return self._shown(request, token, customer, saved=saved)

    def _shown(
        self,
        request: HttpRequest,
        token: PreferenceToken,
        customer: Customer | None,
        **outcome: Any,
    ) -> HttpResponse:
        now = timezone.now()
        options = preferences.preference_options(customer=customer, at=now) if customer else []
        context = {"options": options, "grants": token.grants(at=now), **outcome}
        return self.page(request, self.template, context)


class OptInView(AddresseeView):
    """GET asks whether a subscription is meant; POST confirms it."""

    template = "messaging/opt_in.html"

    def get(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Ask for the confirmation."""
        found = _opt_in(signed)
        with translation.override(_supported(found.wording.language)):
            state = opt_in.opt_in_state(found, at=timezone.now())
            return self._shown(request, found, state)

    def post(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Confirm; a second time changes nothing."""
        found = _opt_in(signed)
        with translation.override(_supported(found.wording.language)):
            state = opt_in.opt_in_confirm(opt_in_id=found.pk, proof=self.proof(request))
            return self._shown(request, found, state)

    def _shown(self, request: HttpRequest, found: Any, state: str) -> HttpResponse:
        status = 410 if state == opt_in.GONE else 200
        context = {"state": state, "words": found.wording.text}
        return self.page(request, self.template, context, status=status)


def _choices(request: HttpRequest, options: list[Option]) -> dict[str, Choice]:
    """What the form says of each option that it showed."""
    return {
        option.key: Choice(
            seen=request.POST[f"seen:{option.key}"] == "1",
            wanted=f"want:{option.key}" in request.POST,
            wording=request.POST.get(f"words:{option.key}", ""),
        )
        for option in options
        if f"seen:{option.key}" in request.POST
    }


def _language(customer: Customer | None) -> str:
    """The customer's language, or else that of the browser."""
    return _supported(customer.language if customer else "")


def _language_of(token: UnsubscribeToken) -> str:
    customers = customers_whole(profile_ids=[token.customer_id])
    return _language(customers.get(token.customer_id))


def _supported(language: str) -> str:
    try:
        return translation.get_supported_language_variant(language.replace("_", "-").lower())
    except LookupError:
        return translation.get_language() or settings.LANGUAGE_CODE


def _unsubscribe_token(signed: str) -> UnsubscribeToken:
    try:
        return unsubscribe_token_read(signed)
    except UnsubscribeTokenError as error:
        raise Http404(str(error)) from error


def _preference_token(signed: str) -> PreferenceToken:
    try:
        return preference_token_read(signed)
    except PreferenceTokenError as error:
        raise Http404(str(error)) from error


def _opt_in(signed: str) -> Any:
    try:
        return opt_in.opt_in_read(signed)
    except opt_in.OptInTokenError as error:
        raise Http404(str(error)) from error

"""The page behind an unsubscribe link."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from lifecycle_engine.messaging import services
from lifecycle_engine.messaging.unsubscribe import (
    UnsubscribeToken,
    UnsubscribeTokenError,
    unsubscribe_token_read,
)

_TEMPLATE = "messaging/unsubscribe.html"


# A mail program posts without cookies (RFC 8058); the signed link is the authority.
@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class UnsubscribeView(View):
    """GET asks and changes nothing, since mail scanners follow links; POST unsubscribes."""

    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Ask for confirmation."""
        token = _token(signed)
        return render(request, _TEMPLATE, {"done": False, "channel": token.channel})

    def post(self, request: HttpRequest, signed: str) -> HttpResponse:
        """Unsubscribe; as often as one likes, and never with a redirect."""
        token = _token(signed)
        services.unsubscribe(token=token, at=timezone.now())
        return render(request, _TEMPLATE, {"done": True, "channel": token.channel})


def _token(signed: str) -> UnsubscribeToken:
    try:
        return unsubscribe_token_read(signed)
    except UnsubscribeTokenError as error:
        raise Http404(str(error)) from error

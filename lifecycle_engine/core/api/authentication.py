"""Who calls, and what they may do: API keys and their scopes."""

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lifecycle_engine.core import services
from lifecycle_engine.core.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer le_…`` names a partner; ``request.auth`` is its ApiKey."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """Recognise the key; None lets the permission refuse."""
        scheme, _, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return None, services.api_key_admit(key.strip(), ip=request.META["REMOTE_ADDR"])
        except services.ApiKeyUnknownError as error:
            raise exceptions.AuthenticationFailed(str(error)) from None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the base names it
        """What a 401 answer tells the client to send."""
        return "Bearer"


class HasScope(BasePermission):
    """The key holds the scope that the view's ``scopes`` names for the method."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether the key may do this; a view that names no scope is closed.

        Raises:
            MethodNotAllowed: the view has no such method, whatever the key may do.
        """
        if not isinstance(request.auth, ApiKey):
            return False
        scope = getattr(view, "scopes", {}).get(request.method)
        if scope is None:
            raise exceptions.MethodNotAllowed(str(request.method))
        self.message = f"The API key lacks the scope {str(scope)!r}."
        return scope in request.auth.scopes

"""Who calls, and what they may do: API keys and their scopes."""

from typing import cast

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lifecycle_engine.core import services
from lifecycle_engine.core.addresses import client_address
from lifecycle_engine.core.models import ApiKey


class AddressRefused(exceptions.PermissionDenied):
    """403: the key may not be used from here."""

    default_code = "address_refused"


class TooManyRequests(exceptions.Throttled):
    """429: the key's limit is reached.

    Args:
        message: what is told.
        retry_after: seconds until the next request is admitted.
        reset_after: seconds until the whole limit is there again.
    """

    default_code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int, reset_after: int) -> None:
        super().__init__(detail=message)
        self.headers = {"Retry-After": str(retry_after), "X-RateLimit-Reset": str(reset_after)}


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer le_…`` names a partner; ``request.auth`` is its ApiKey."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """Admit the request by its key; None, where it shows none, lets the permission refuse.

        Raises:
            AuthenticationFailed: the key is not good.
            AddressRefused: the key may not be used from this address.
            TooManyRequests: the key's limit is reached.
        """
        scheme, _, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return None, services.api_key_admit(key.strip(), ip=client_address(request))
        except services.ApiKeyUnknownError as error:
            raise exceptions.AuthenticationFailed(str(error)) from None
        except services.ApiKeyAddressError as error:
            raise AddressRefused(str(error)) from None
        except services.ApiKeyLimitError as error:
            raise TooManyRequests(
                str(error), retry_after=error.retry_after, reset_after=error.reset_after
            ) from None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the base names it
        """What a 401 answer tells the client to send."""
        return "Bearer"


def key_of(request: Request) -> ApiKey:
    """The key of a request that a view with scopes has admitted."""
    return cast("ApiKey", request.auth)


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

"""The description of the API, as OpenAPI."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.views import SpectacularAPIView


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a client shows its API key."""

    target_class = "lifecycle_engine.core.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:  # noqa: ARG002
        """The scheme's description."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "le_…"}


class SchemaView(SpectacularAPIView):
    """Serves the description to anybody: it holds no data."""

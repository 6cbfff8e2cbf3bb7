"""Factories of the core's models."""

from collections.abc import Sequence

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create


def bearer(*scopes: str, name: str = "shop", partner: str = "") -> dict[str, str]:
    """The header of a new key with the scopes; with all scopes when none is given."""
    wanted: Sequence[str] = scopes or Scope.values
    _, key = api_key_create(name=name, scopes=wanted, partner=partner)
    return {"Authorization": f"Bearer {key}"}

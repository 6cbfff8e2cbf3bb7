"""Model fields of the engine's own."""

from typing import Any

from django.core.exceptions import FieldError
from django.db import models

from lifecycle_engine.core.encryption import decrypt, encrypt


class EncryptedField(models.CharField):  # type: ignore[type-arg]
    """A text that is encrypted in the database. ``max_length`` is that of the text.

    It can't be compared with anything there: look it up by a keyed hash in a column beside it.
    """

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - the framework gives it
        """A token is longer than its text."""
        return "text"

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """The text of a stored token."""
        return None if value is None else decrypt(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """The token to be stored."""
        text = super().get_db_prep_save(value, connection)
        return encrypt(text) if isinstance(text, str) else text

    def get_lookup(self, lookup_name: str) -> Any:
        """None but ``isnull``.

        Raises:
            FieldError: any other lookup would never find anything.
        """
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: look it up by its keyed hash")
        return super().get_lookup(lookup_name)

"""Encrypting stored values with a new key."""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from psycopg import sql

from lifecycle_engine.core.encryption import decrypt, encrypt
from lifecycle_engine.core.fields import EncryptedField

_AT_ONCE = 1_000


def encrypted_fields() -> Iterator[EncryptedField]:
    """Every encrypted field of every model."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:  # noqa: SLF001 - documented
            if isinstance(field, EncryptedField):
                yield field


def values_reencrypt(*, progress: Callable[[int], object] | None = None) -> int:
    """Encrypt every stored value with the first of the keys; the others can be dropped afterwards.

    Rows are locked by the batch, so that nothing written meanwhile is overwritten. Running it again
    after an interruption does what is left, and what is done once more.

    Returns:
        How many values there were.

    Raises:
        DecryptionError: a value was encrypted with a key that is not there any more. What was done
            before stays done.
    """
    total = 0
    for field in encrypted_fields():
        after: Any = None
        while rows := _batch_reencrypt(field, after):
            after = rows[-1]
            total += len(rows)
            if progress is not None:
                progress(total)
    return total


@transaction.atomic
def _batch_reencrypt(field: EncryptedField, after: Any) -> list[Any]:
    """The keys of the rows of one batch, which comes after the given key."""
    names = _names(field.model, field)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT {key}, {column} FROM {table} WHERE {column} <> ''"
                " AND (%(after)s IS NULL OR {key} > %(after)s)"
                " ORDER BY {key} LIMIT %(limit)s FOR NO KEY UPDATE"
            ).format(**names),
            {"after": after, "limit": _AT_ONCE},
        )
        rows = cursor.fetchall()
        cursor.executemany(
            sql.SQL("UPDATE {table} SET {column} = %s WHERE {key} = %s").format(**names),
            [(encrypt(decrypt(token)), key) for key, token in rows],
        )
    return [key for key, _token in rows]


def _names(model: type[models.Model], field: EncryptedField) -> dict[str, sql.Identifier]:
    key = model._meta.pk  # noqa: SLF001 - the documented way to a model's fields
    return {
        "table": sql.Identifier(model._meta.db_table),  # noqa: SLF001 - documented
        "column": sql.Identifier(str(field.column)),
        "key": sql.Identifier(str(key.column)),
    }

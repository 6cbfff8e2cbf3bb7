"""The one way to extend the engine: typed registries of extension classes.

Keys are data, classes are code: the database keeps ``"churn.risk"``, never a dotted path.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from lifecycle_engine.sdk.errors import RegistrationError, UnknownExtensionError

_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


class Config(BaseModel):
    """The base of an extension's configuration: closed (unknown keys are refused) and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Extension:
    """What every extension has. Subclassed by Condition, Action, Scorer and Channel."""

    key: ClassVar[str]
    label: ClassVar[Any]  # A string, possibly a lazy translation.
    Config: ClassVar[type[Config]] = Config


ExtensionT = TypeVar("ExtensionT", bound=Extension)


class Registry(Generic[ExtensionT]):
    """The extensions of one kind, by key.

    Filled while the apps load, frozen afterwards.
    """

    def __init__(self, kind: str, base: type[ExtensionT]) -> None:
        self.kind = kind
        self._base = base
        self._classes: dict[str, type[ExtensionT]] = {}
        self._frozen = False

    def register(self, extension: type[ExtensionT]) -> type[ExtensionT]:
        """Register a class; use it as a decorator.

        Raises:
            RegistrationError: the class has the wrong base or a bad key, its key is taken, or the
                registry is frozen.
        """
        if self._frozen:
            raise RegistrationError(
                f"{self.kind} registry is frozen: register {extension} at start-up"
            )
        self._check(extension)
        self._classes[extension.key] = extension
        return extension

    def _check(self, extension: type[ExtensionT]) -> None:
        if not (isinstance(extension, type) and issubclass(extension, self._base)):
            raise RegistrationError(f"{extension!r} is not a {self._base.__name__}")
        key = getattr(extension, "key", None)
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise RegistrationError(
                f"{self.kind} key {key!r} of {extension.__name__} is not like 'plugin.noun'"
            )
        if key in self._classes:
            raise RegistrationError(
                f"{self.kind} key {key!r} is taken by {self._classes[key].__qualname__}"
            )

    def get(self, key: str) -> type[ExtensionT]:
        """The class with that key.

        Raises:
            UnknownExtensionError: there is none; the message names the key and what there is.
        """
        try:
            return self._classes[key]
        except KeyError:
            known = ", ".join(sorted(self._classes)) or "none"
            raise UnknownExtensionError(
                f"No {self.kind} {key!r}: is its plugin missing or switched off? There is: {known}."
            ) from None

    def __iter__(self) -> Iterator[type[ExtensionT]]:
        return iter([self._classes[key] for key in sorted(self._classes)])

    def __contains__(self, key: object) -> bool:
        return key in self._classes

    def keys(self) -> list[str]:
        """All keys, sorted."""
        return sorted(self._classes)

    def owner(self, key: str) -> str:
        """The package that brought the extension, such as ``plugins.churn_predictor``."""
        return self.get(key).__module__.rpartition(".")[0]

    def freeze(self) -> None:
        """Refuse further registrations; called once all apps are loaded."""
        self._frozen = True

    @contextmanager
    def temporarily(self, *extensions: type[ExtensionT]) -> Iterator[None]:
        """Register classes for the length of a block; for tests."""
        before, was_frozen = dict(self._classes), self._frozen
        self._frozen = False
        try:
            for extension in extensions:
                self.register(extension)
            yield
        finally:
            self._classes, self._frozen = before, was_frozen

"""Families: a plugin says how to learn, staff say what, and each target of theirs is a scorer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol

import ibis.expr.types as ir

from lifecycle_engine.sdk.errors import RegistrationError
from lifecycle_engine.sdk.registry import ExtensionT, Registry

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables

_KEY = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Target:
    """Something that may come true of a customer, as staff have defined it.

    A target never changes: what a key means, it means for ever.

    Attributes:
        key: of the scorer, such as ``propensity.buys_pastry``.
        label: how staff call it.
        sentence: what has to come true, such as "A customer who bought from PASTRY.".
        horizon_days: within how many days from the cut-off on.
        population: whom it is about, as a table of ``customer_id``; its tables end at the cut-off.
        outcome: of whom it came true, as a table of ``customer_id``; its tables hold only what
            happened from the cut-off on, up to the horizon.
    """

    key: str
    label: str
    sentence: Any
    horizon_days: int
    population: Callable[[Tables], ir.Table]
    outcome: Callable[[Tables], ir.Table]


class Family(Generic[ExtensionT]):
    """Extensions that staff make without code. Their keys begin with the family's."""

    key: ClassVar[str]
    label: ClassVar[Any]

    @classmethod
    def member(cls, target: Target) -> type[ExtensionT]:
        """The class for a target; its ``key`` is the target's."""
        raise NotImplementedError


class Members(Protocol):
    """Where the targets are that staff have made. The same target is the same object."""

    def target(self, key: str) -> Target | None:
        """The target of that key, also one that is put away; None where there is none."""

    def targets(self) -> Iterable[Target]:
        """Those that are not put away, in the order of their keys."""


class _NoMembers:
    """Before anybody said where they are."""

    def target(self, key: str) -> Target | None:
        del key
        return None

    def targets(self) -> Iterable[Target]:
        return ()


class FamilyRegistry(Registry[ExtensionT]):
    """A registry whose extensions are classes of code, and members of families.

    A member is looked up when it is asked for. So one that was made in another process is there at
    once, and a frozen registry, which takes no code any more, still has it.
    """

    def __init__(self, kind: str, base: type[ExtensionT]) -> None:
        super().__init__(kind, base)
        self._families: dict[str, type[Family[ExtensionT]]] = {}
        self._members: Members = _NoMembers()
        self._made: dict[str, tuple[Target, type[ExtensionT]]] = {}

    def register_family(self, family: type[Family[ExtensionT]]) -> type[Family[ExtensionT]]:
        """Register a family; use it as a decorator.

        Raises:
            RegistrationError: its key is no single word, is taken, or is how a registered key
                begins; or the registry is frozen.
        """
        if self._frozen:
            raise RegistrationError(f"{self.kind} registry is frozen: register {family} at start")
        if not _KEY.fullmatch(family.key):
            raise RegistrationError(f"{self.kind} family {family.key!r} is no single word")
        taken = [key for key in self._classes if key.partition(".")[0] == family.key]
        if family.key in self._families or taken:
            raise RegistrationError(
                f"{self.kind} family {family.key!r} is taken by {taken or 'one'}"
            )
        self._families[family.key] = family
        return family

    def members_from(self, members: Members) -> None:
        """Say where the targets are; the engine does, once."""
        self._members = members

    def families(self) -> list[type[Family[ExtensionT]]]:
        """All families, by key."""
        return [self._families[key] for key in sorted(self._families)]

    def get(self, key: str) -> type[ExtensionT]:
        """The class with that key, of code or a member of a family.

        Raises:
            UnknownExtensionError: there is none.
        """
        return self._member(key) or super().get(key)

    def __iter__(self) -> Iterator[type[ExtensionT]]:
        yield from super().__iter__()
        if self._families:
            found = (self._member(target.key, target) for target in self._members.targets())
            yield from (member for member in found if member is not None)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (isinstance(key, str) and self._member(key) is not None)

    def keys(self) -> list[str]:
        """All keys, sorted; those of targets that are put away are left out."""
        return sorted(extension.key for extension in self)

    def registered(self) -> list[type[ExtensionT]]:
        """The classes of code alone."""
        return [*super().__iter__()]

    @contextmanager
    def temporarily(self, *extensions: type[ExtensionT]) -> Iterator[None]:
        """Register classes for the length of a block; for tests."""
        families, members = dict(self._families), self._members
        try:
            with super().temporarily(*extensions):
                yield
        finally:
            self._families, self._members = families, members
            self._made = {}

    def _check(self, extension: type[ExtensionT]) -> None:
        super()._check(extension)
        # Else an update of a plugin could give a key that staff have made another meaning.
        if extension.key.partition(".")[0] in self._families:
            raise RegistrationError(
                f"{self.kind} key {extension.key!r} belongs to a family, whose members staff make"
            )

    def _member(self, key: str, target: Target | None = None) -> type[ExtensionT] | None:
        family = self._families.get(key.partition(".")[0])
        if family is None:
            return None
        target = target or self._members.target(key)
        if target is None:
            return None
        known = self._made.get(key)
        if known is None or known[0] is not target:
            made = family.member(target)
            if made.key != key or not issubclass(made, self._base):
                raise RegistrationError(f"Family {family.key!r} made {made!r} for {key!r}")
            known = self._made[key] = (target, made)
        return known[1]

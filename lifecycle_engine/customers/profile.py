"""Profile sections: how an app below shows what the apps above it know about a customer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol, TypeAlias

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


class ProfileSection(Protocol):
    """Reads one section for many customers at once; who has nothing to show is left out."""

    def __call__(self, *, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:
        """The section by customer, as of ``at``."""


class ProfileSectionError(Exception):
    """A section's name is taken."""


_sections: dict[str, ProfileSection] = {}


def profile_section(name: str) -> Callable[[ProfileSection], ProfileSection]:
    """Register a section under a name; call it as a decorator, from ``AppConfig.ready()`` on.

    Raises:
        ProfileSectionError: another section has the name.
    """

    def register(section: ProfileSection) -> ProfileSection:
        if name in _sections:
            raise ProfileSectionError(f"Profile section {name!r} is taken by {_sections[name]!r}")
        _sections[name] = section
        return section

    return register


def profile_sections() -> Iterator[tuple[str, ProfileSection]]:
    """All sections with their names, sorted by name."""
    return iter(sorted(_sections.items()))


def profiles_compose(*, customer_ids: Sequence[int], at: datetime) -> dict[int, dict[str, JSON]]:
    """Every section of each of the customers; None where a section has nothing to say."""
    profiles: dict[int, dict[str, JSON]] = {customer_id: {} for customer_id in customer_ids}
    for name, section in profile_sections():
        found = section(customer_ids=customer_ids, at=at)
        for customer_id, profile in profiles.items():
            profile[name] = found.get(customer_id)
    return profiles


@contextmanager
def profile_section_temporarily(name: str, section: ProfileSection) -> Iterator[None]:
    """Register a section for the length of a block; for tests."""
    profile_section(name)(section)
    try:
        yield
    finally:
        del _sections[name]

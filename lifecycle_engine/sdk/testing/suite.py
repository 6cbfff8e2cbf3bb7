"""The conformance suite over what is registered, one extension after another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from lifecycle_engine.sdk.actions import actions
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.families import FamilyRegistry
from lifecycle_engine.sdk.registry import Extension, Registry
from lifecycle_engine.sdk.scorers import RankingScorer, Scorer, scorers
from lifecycle_engine.sdk.tasks import TaskScorer
from lifecycle_engine.sdk.testing.conditions import check_condition
from lifecycle_engine.sdk.testing.rankings import check_ranking_scorer
from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.shop import shop_tables
from lifecycle_engine.sdk.testing.tables import MissingTableError
from lifecycle_engine.sdk.testing.tasks import check_tasks

Verdict: TypeAlias = Literal["kept", "broken", "unchecked"]

_REGISTRIES: tuple[Registry[Any], ...] = (scorers, conditions, actions, channels)
#: What the code of an extension may end with; a signal or a lack of memory says nothing of it.
_ERRORS = (
    AssertionError,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Checked:
    """What came of checking one extension.

    Attributes:
        key: the extension's.
        kind: ``scorer``, ``condition``, ``action`` or ``channel``.
        owner: the package that brought it.
        verdict: whether it kept its promises, broke one, or can't be checked from here.
        message: the broken promise, or why it can't be checked; empty where all were kept.
        seconds: how long it took.
    """

    key: str
    kind: str
    owner: str
    verdict: Verdict
    message: str
    seconds: float


def extensions_check(*, wanted: str = "") -> Iterator[Checked]:
    """Check what is registered, as it goes.

    Args:
        wanted: an extension's key or the name of a plugin; by default everything.
    """
    for registry in _REGISTRIES:
        for extension in _of_code(registry):
            owner = registry.owner(extension.key)
            if wanted in ("", extension.key, owner, owner.rpartition(".")[2]):
                yield _checked(registry.kind, extension, owner)


def _of_code(registry: Registry[Any]) -> Iterable[type[Extension]]:
    """Members of families are left out: what staff make needs a database."""
    return registry.registered() if isinstance(registry, FamilyRegistry) else registry


def _checked(kind: str, extension: type[Extension], owner: str) -> Checked:
    begun = perf_counter()
    message = _unchecked(extension)
    verdict: Verdict = "unchecked"
    if not message:
        try:
            _check(extension)
        except MissingTableError as error:
            message = f"it reads more than the made-up shop has: {error}"
        except _ERRORS as error:
            said = str(error) or "an assertion of the suite"
            named = said if isinstance(error, AssertionError) else f"{type(error).__name__}: {said}"
            message, verdict = named, "broken"
        else:
            verdict = "kept"
    seconds = perf_counter() - begun
    return Checked(extension.key, kind, owner, verdict, message, seconds)


def _unchecked(extension: type[Extension]) -> str:
    """Why the extension can't be checked without more than it says itself; empty where it can."""
    if issubclass(extension, Scorer | RankingScorer):
        return ""
    if not issubclass(extension, Condition):
        return "it acts for real: its plugin's own tests check it"
    try:
        extension.Config()
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) or "it" for one in error.errors())
        return f"its configuration has no defaults ({fields}): its plugin's own tests check it"
    return ""


def _check(extension: type[Extension]) -> None:
    if issubclass(extension, Scorer):
        check_scorer(extension)
        _check_together(extension)
    elif issubclass(extension, RankingScorer):
        check_ranking_scorer(extension, shop_tables())
    elif issubclass(extension, Condition):
        check_condition(extension, {}, shop_tables())


def _check_together(extension: type[Scorer]) -> None:
    """With the other tasks of its model, once for all of them: where the first one is checked."""
    if not issubclass(extension, TaskScorer):
        return
    tasks = [
        found
        for found in scorers.registered()
        if issubclass(found, TaskScorer) and found.model is extension.model
    ]
    if len(tasks) > 1 and tasks[0] is extension:
        check_tasks(*tasks)

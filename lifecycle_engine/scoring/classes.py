"""What the numbers are called that scorers of classes give."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from django.db.models import Case, When
from django.utils.translation import gettext as _

from lifecycle_engine.scoring.models import ModelState, ModelVersion, Score, ScoreHistory
from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.scorers import BaseScorer, Classes, scorers

#: The numbers of a baseline's clusters begin here, so that they are nobody else's.
BASELINE_FROM = 1_000


@dataclass(frozen=True)
class Trait:
    """A feature in which a class differs from everybody else.

    Attributes:
        feature: its name.
        difference: Cohen's d: by how many standard deviations its customers have more of it.
    """

    feature: str
    difference: float


@dataclass(frozen=True)
class ModelClass:
    """One class that a model version knows.

    Attributes:
        number: what is published.
        words: what it is called, in English; translated when shown.
        by: whose class it is: the model's, the baseline's, or both.
        place: of a cluster, the scorer's own number for it.
        customers: how many are in it of those whom the model was fitted on.
        share: of all of them.
        agreement: of a cluster, how far it is found again in other customers (Jaccard); else None.
        traits: what sets its customers apart, the largest first.
    """

    number: int
    words: tuple[str, ...]
    by: Literal["model", "baseline", "both"] = "both"
    place: int | None = None
    customers: int | None = None
    share: float | None = None
    agreement: float | None = None
    traits: tuple[Trait, ...] = ()

    @property
    def name(self) -> str:
        """What it is called, in the reader's language."""
        words = ", ".join(_(word) for word in self.words)
        return f"{words[:1].upper()}{words[1:]}"

    @property
    def of_baseline(self) -> bool:
        """Whether only the baseline gives it."""
        return self.by == "baseline"

    def as_json(self) -> dict[str, Any]:
        """For the model version."""
        found = asdict(self)
        return found | {"words": list(self.words), "traits": [asdict(one) for one in self.traits]}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From what ``as_json`` gave."""
        traits = tuple(Trait(**one) for one in document["traits"])
        return cls(**{**document, "words": tuple(document["words"]), "traits": traits})


def gives_classes(scorer_class: type[BaseScorer]) -> bool:
    """Whether a scorer's numbers are those of classes."""
    return isinstance(getattr(scorer_class, "output", None), Classes)


def declared_classes(scorer: BaseScorer) -> list[ModelClass]:
    """The classes that a scorer's author has named; none of another kind of scorer."""
    if not isinstance(scorer, ClassScorer):
        return []
    return [ModelClass(number, (words,)) for number, words in sorted(scorer.classes.items())]


def version_classes(version: ModelVersion) -> dict[int, ModelClass]:
    """The classes of a model version, by number."""
    return {one.number: one for one in map(ModelClass.read, version.classes)}


def class_names(
    *,
    scores: Sequence[Score | ScoreHistory],
    numbers: Sequence[float | None] | None = None,
) -> list[str | None]:
    """What each score is called, in their order: None of one that is no class's number.

    One query, however many scores.

    Args:
        scores: the scores.
        numbers: of each another class of its model to name; by default the score itself.
    """
    wanted = {row.model_version_id for row in scores}
    versions = ModelVersion.objects.filter(pk__in=wanted).exclude(classes=[]).only("classes")
    known = {version.pk: version_classes(version) for version in versions}
    if numbers is None:
        numbers = [row.value for row in scores]
    return [
        None if number is None else _named(known.get(row.model_version_id), number)
        for row, number in zip(scores, numbers, strict=True)
    ]


def class_name(version: ModelVersion, value: float) -> str | None:
    """What a score of a model version is called; None where it is no class's number."""
    return _named(version_classes(version), value) if version.classes else None


def _named(classes: Mapping[int, ModelClass] | None, value: float) -> str | None:
    if classes is None:
        return None
    found = classes.get(int(value))
    return str(int(value)) if found is None else found.name


def classes_known(*, scorer_key: str) -> dict[int, ModelClass]:
    """All classes that a scorer has ever had, by number, as its champion calls them or last did."""
    versions = ModelVersion.objects.filter(scorer_key=scorer_key).only("classes", "number", "state")
    found: dict[int, ModelClass] = {}
    champion_first = Case(When(state=ModelState.CHAMPION, then=0), default=1)
    for version in versions.order_by(champion_first, "-number"):
        for number, one in version_classes(version).items():
            found.setdefault(number, one)
    return found


def numbers_of(classes: Iterable[ModelClass], by: Literal["model", "baseline"]) -> tuple[int, ...]:
    """What the clusters go by, in the order of their places."""
    mine = [one for one in classes if one.by == by and one.place is not None]
    return tuple(one.number for one in sorted(mine, key=lambda one: one.place or 0))


def is_class_scorer(*, scorer_key: str) -> bool:
    """Whether a registered scorer gives classes."""
    return scorer_key in scorers and gives_classes(scorers.get(scorer_key))

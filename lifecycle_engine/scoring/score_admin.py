"""The admin's lists of scores."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import RecordAdmin
from lifecycle_engine.scoring.classes import class_name
from lifecycle_engine.scoring.models import Score, ScoreHistory


class ScoreLikeAdmin(RecordAdmin):
    """Scores of any time, by name where they are classes' numbers."""

    list_display = ["customer", "scorer_key", "score", "place", "as_of", "model_version"]
    list_select_related = ["customer", "model_version"]
    search_fields = ["=customer__external_id", "=scorer_key"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the models' cards, which are long."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("model_version__card")

    @admin.display(description=_("value"))
    def score(self, row: Score | ScoreHistory) -> str:
        """The value, or what the class is called."""
        return class_name(row.model_version, row.value) or f"{row.value:.4g}"

    @admin.display(description=_("percentile"))
    def place(self, row: Score | ScoreHistory) -> str:
        """The percentile; classes have no order, and so none."""
        return "" if row.model_version.classes else f"{row.percentile:.4g}"


@admin.register(Score)
class ScoreAdmin(ScoreLikeAdmin):
    """Each customer's newest scores."""


@admin.register(ScoreHistory)
class ScoreHistoryAdmin(ScoreLikeAdmin):
    """Scores as they were."""

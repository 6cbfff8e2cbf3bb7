"""Scorer settings, model versions and recommendations in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.core.words import duration_words
from lifecycle_engine.scoring import score_admin  # noqa: F401 - registers the lists of scores
from lifecycle_engine.scoring.backtest_models import Backtest, BacktestState
from lifecycle_engine.scoring.change_models import ModelChange
from lifecycle_engine.scoring.check_models import CheckState, ModelCheck
from lifecycle_engine.scoring.forms import ScorerSettingForm, TaskSettingForm
from lifecycle_engine.scoring.lookalike_models import (
    Lookalike,
    LookalikeCustomer,
    LookalikeState,
    LookalikeVerdict,
)
from lifecycle_engine.scoring.models import (
    ModelState,
    ModelVersion,
    Recommendation,
    ScorerMode,
    ScorerSetting,
)
from lifecycle_engine.scoring.reason_models import ReasonsSummary, ScoreReasons
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.reasons.telling import reason_sentence
from lifecycle_engine.scoring.run_models import FeatureFrame, RunState, ScoringRun
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.task_groups import tasks_of
from lifecycle_engine.scoring.task_settings import training_share
from lifecycle_engine.scoring.use_models import ScorerUse, Use
from lifecycle_engine.sdk.scorers import scorers


@admin.register(ScorerSetting)
class ScorerSettingAdmin(EngineAdmin):
    """Which scorers are off, in shadow or live."""

    form = ScorerSettingForm
    list_display = ["key", "mode_shown", "reasons", "reasons_top"]
    list_filter = ["mode"]
    search_fields = ["key"]
    ordering = ["key"]

    @labelled(
        description=_("mode"),
        colours={ScorerMode.LIVE: "success", ScorerMode.SHADOW: "info", ScorerMode.OFF: "warning"},
    )
    def mode_shown(self, setting: ScorerSetting) -> tuple[str, str]:
        """The mode as a coloured label."""
        return setting.mode, str(setting.get_mode_display())

    def get_form(
        self,
        request: HttpRequest,
        obj: ScorerSetting | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """That of a task has one field more; so has one whose scorer is still to be named."""
        given = request.POST if request.method == "POST" else request.GET
        key = obj.key if obj else given.get("key", "")
        form = ScorerSettingForm if key in scorers and not tasks_of(key) else TaskSettingForm
        return super().get_form(request, obj, change, form=form, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: ScorerSetting, form: ScorerSettingForm, change: bool
    ) -> None:
        """Store it, and have the tasks configured alike that are to be trained together.

        Django's admin saves in a transaction: all of them are changed, and told so, or none is.
        """
        super().save_model(request, obj, form, change)
        if form.cleaned_data.get("together"):
            for other in training_share(obj):
                told = gettext("Configured as %(scorer)s, since they share a training.")
                self.log_change(request, other, told % {"scorer": obj.key})

    def has_delete_permission(self, request: HttpRequest, obj: ScorerSetting | None = None) -> bool:
        """A scorer is switched off, not deleted."""
        return False


@admin.register(ModelVersion)
class ModelVersionAdmin(RecordAdmin):
    """Trained models."""

    list_display = [
        "scorer_key",
        "number",
        "state_shown",
        "algorithm",
        "rows",
        "train_seconds",
        "as_of",
        "trained_at",
    ]
    list_display_links = ["scorer_key", "number"]
    list_filter = ["state"]
    search_fields = ["scorer_key"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            ModelState.CHAMPION: "success",
            ModelState.CHALLENGER: "info",
            ModelState.SHADOW: "info",
            ModelState.RETIRED: "warning",
        },
    )
    def state_shown(self, version: ModelVersion) -> tuple[str, str]:
        """The state as a coloured label."""
        return version.state, str(version.get_state_display())


@admin.register(ModelChange)
class ModelChangeAdmin(RecordAdmin):
    """Which model was used for what, by whose decision."""

    list_display = ["model_version", "before", "after", "cause", "reason", "by", "at"]
    list_filter = ["cause"]
    list_select_related = ["model_version"]
    search_fields = ["=scorer_key"]
    ordering = ["-id"]


@admin.register(ScorerUse)
class ScorerUseAdmin(RecordAdmin):
    """From when to when each scorer published its model's scores, or its baseline's."""

    list_display = [
        *("scorer_key", "use_shown", "cause", "reason", "by", "model_version", "since", "until"),
    ]
    list_filter = ["use", "cause"]
    list_select_related = ["model_version"]
    search_fields = ["=scorer_key"]
    ordering = ["-id"]

    @labelled(description=_("published"), colours={Use.MODEL: "success", Use.BASELINE: "warning"})
    def use_shown(self, row: ScorerUse) -> tuple[str, str]:
        """What is published as a coloured label."""
        return row.use, str(row.get_use_display())


@admin.register(ModelCheck)
class ModelCheckAdmin(RecordAdmin):
    """What monitoring has found."""

    list_display = ["scorer_key", "kind", "state_shown", "run", "challenger", "at", "checked_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["run", "challenger"]
    search_fields = ["=scorer_key"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            CheckState.OK: "success",
            CheckState.WARNING: "warning",
            CheckState.BREACH: "danger",
        },
    )
    def state_shown(self, check: ModelCheck) -> tuple[str, str]:
        """The state as a coloured label."""
        return check.state, str(check.get_state_display())


@admin.register(ScoreReasons)
class ScoreReasonsAdmin(RecordAdmin):
    """Why customers have their scores."""

    list_display = ["customer", "scorer_key", "first_reason", "as_of", "model_version"]
    list_select_related = ["customer", "model_version"]
    search_fields = ["=customer__external_id", "=scorer_key"]
    ordering = ["-id"]

    @admin.display(description=_("first reason"))
    def first_reason(self, row: ScoreReasons) -> str:
        """The largest contribution in words."""
        reasons = Explained.from_json(row.document).reasons
        return reason_sentence(reasons[0]) if reasons else "–"


@admin.register(ReasonsSummary)
class ReasonsSummaryAdmin(RecordAdmin):
    """What each scorer goes by."""

    list_display = ["scorer_key", "foremost", "customers", "as_of", "model_version"]
    list_select_related = ["model_version"]
    search_fields = ["=scorer_key"]
    ordering = ["scorer_key"]

    @admin.display(description=_("most important features"))
    def foremost(self, row: ReasonsSummary) -> str:
        """The first few features."""
        ranked = sorted(row.importances, key=row.importances.__getitem__, reverse=True)
        return ", ".join(ranked[:5])


@admin.register(Recommendation)
class RecommendationAdmin(RecordAdmin):
    """What each customer may buy next."""

    list_display = ["customer", "scorer_key", "products", "as_of", "model_version"]
    list_select_related = ["customer", "model_version"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]

    @admin.display(description=_("products"))
    def products(self, row: Recommendation) -> str:
        """The first few products."""
        return ", ".join(str(item.get("sku", "")) for item in row.items[:5])


@admin.register(ScoringRun)
class ScoringRunAdmin(RecordAdmin):
    """Runs of scorers: how far, how long, and what they came to."""

    list_display = [
        *("scorer_key", "state_shown", "use", "progress", "customers_shown", "written_shown"),
        *("as_of", "started_at", "took"),
    ]
    list_filter = ["state"]
    search_fields = ["=scorer_key"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            RunState.RUNNING: "info",
            RunState.PUBLISHED: "success",
            RunState.SHADOW: "info",
            RunState.SUPERSEDED: "warning",
            RunState.FAILED: "danger",
        },
    )
    def state_shown(self, run: ScoringRun) -> tuple[str, str]:
        """The state as a coloured label."""
        return run.state, str(run.get_state_display())

    @admin.display(description=_("shards done"))
    def progress(self, run: ScoringRun) -> str:
        """How many of the shards are done; nothing while the features are computed."""
        return f"{len(run.shards_done)} / {run.shards}" if run.shards else ""

    @admin.display(description=_("customers"), ordering="customers")
    def customers_shown(self, run: ScoringRun) -> str:
        """How many customers, with separators."""
        return _count(run.customers)

    @admin.display(description=_("scores written"), ordering="written")
    def written_shown(self, run: ScoringRun) -> str:
        """How many scores were written, with separators."""
        return _count(run.written)

    @admin.display(description=_("duration"))
    def took(self, run: ScoringRun) -> str:
        """How long it took; nothing while it goes on."""
        if run.finished_at is None:
            return ""
        return duration_words((run.finished_at - run.started_at).total_seconds())


def _count(count: int) -> str:
    return str(number_format(count, use_l10n=True, force_grouping=True))


@admin.register(FeatureFrame)
class FeatureFrameAdmin(RecordAdmin):
    """Features as runs were given them."""

    list_display = ["id", "as_of", "customers", "seconds", "begun_at", "made_at"]
    ordering = ["-id"]


@admin.register(Target)
class TargetAdmin(RecordAdmin):
    """What staff want scores of."""

    list_display = [
        *("name", "key", "population", "horizon_days", "state_shown", "made_by", "made_at"),
    ]
    list_filter = ["population"]
    search_fields = ["=key", "name"]
    ordering = ["-id"]

    @labelled(description=_("state"), colours={"used": "success", "archived": "warning"})
    def state_shown(self, target: Target) -> tuple[str, str]:
        """Whether it is archived."""
        if target.archived_at is None:
            return "used", str(_("In use"))
        return "archived", str(_("Archived"))


@admin.register(Lookalike)
class LookalikeAdmin(RecordAdmin):
    """Searches for customers like those of a segment."""

    list_display = [
        *("segment", "state_shown", "verdict_shown", "seeds", "others", "audience", "size"),
        *("requested_by", "requested_at"),
    ]
    list_filter = ["state", "verdict"]
    list_select_related = ["segment", "audience"]
    search_fields = ["=segment__key"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            LookalikeState.QUEUED: "info",
            LookalikeState.RUNNING: "info",
            LookalikeState.READY: "success",
            LookalikeState.REFUSED: "warning",
            LookalikeState.FAILED: "danger",
        },
    )
    def state_shown(self, run: Lookalike) -> tuple[str, str]:
        """The state as a coloured label."""
        return run.state, str(run.get_state_display())

    @labelled(
        description=_("verdict"),
        colours={
            LookalikeVerdict.BETTER: "success",
            LookalikeVerdict.SIMPLE: "warning",
            LookalikeVerdict.CHANCE: "danger",
        },
    )
    def verdict_shown(self, run: Lookalike) -> tuple[str, str] | None:
        """The verdict as a coloured label."""
        return (run.verdict, str(run.get_verdict_display())) if run.verdict else None


@admin.register(LookalikeCustomer)
class LookalikeCustomerAdmin(RecordAdmin):
    """Who looks like whom, by place."""

    list_display = ["customer", "rank", "percentile", "lookalike"]
    list_filter = ["lookalike"]
    list_select_related = ["customer", "lookalike"]
    search_fields = ["=customer__external_id"]
    ordering = ["-lookalike_id", "rank"]


@admin.register(Backtest)
class BacktestAdmin(RecordAdmin):
    """Scorers rolled forward over the past."""

    list_display = [
        *("scorer_key", "first_month", "last_month", "state_shown", "progress"),
        *("requested_by", "started_at", "took"),
    ]
    list_filter = ["state"]
    search_fields = ["=scorer_key"]
    ordering = ["-id"]

    @admin.display(description=_("from"), ordering="first")
    def first_month(self, backtest: Backtest) -> str:
        """The first month."""
        return date_format(backtest.first, "YEAR_MONTH_FORMAT")

    @admin.display(description=_("to"), ordering="last")
    def last_month(self, backtest: Backtest) -> str:
        """The last month."""
        return date_format(backtest.last, "YEAR_MONTH_FORMAT")

    @labelled(
        description=_("state"),
        colours={
            BacktestState.RUNNING: "info",
            BacktestState.FINISHED: "success",
            BacktestState.FAILED: "danger",
        },
    )
    def state_shown(self, backtest: Backtest) -> tuple[str, str]:
        """The state as a coloured label."""
        return backtest.state, str(backtest.get_state_display())

    @admin.display(description=_("months done"))
    def progress(self, backtest: Backtest) -> str:
        """How many of the months are done."""
        return f"{len(backtest.months)} / {backtest.total}"

    @admin.display(description=_("duration"))
    def took(self, backtest: Backtest) -> str:
        """How long it took; nothing while it goes on."""
        if backtest.finished_at is None:
            return ""
        return duration_words((backtest.finished_at - backtest.started_at).total_seconds())

"""The form in which staff set scorers."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.scoring.errors import ScorerConfigError
from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.scoring.selectors import scorer_build
from lifecycle_engine.scoring.task_groups import tasks_of
from lifecycle_engine.scoring.task_settings import tasks_alike
from lifecycle_engine.sdk.scorers import scorers


class ScorerSettingForm(forms.ModelForm):  # type: ignore[type-arg]
    """A setting whose configuration the scorer takes: told here, not at the next training."""

    class Meta:
        model = ScorerSetting
        fields = (
            *("key", "mode", "config", "promotion", "reasons", "reasons_top", "fall_back"),
            *("drift_limit", "calibration_limit", "fresh_hours"),
            *("train_every_days", "run_every_days"),
        )
        help_texts = {
            "config": _(
                "JSON, as the scorer's plugin describes it. Where it offers a search for better "
                'settings: {"search": {"trials": 30, "seconds": 300}}'
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scorer_key: str = self.instance.key or self.initial.get("key", "")
        if self.scorer_key in scorers:
            for name in ("train_every_days", "run_every_days"):
                said = getattr(scorers.get(self.scorer_key), name)
                self.fields[name].widget.attrs["placeholder"] = str(said)

    def clean(self) -> dict[str, Any]:
        """Refuse a configuration that the scorer refuses; one whose plugin is missing is left."""
        found = super().clean() or dict(self.cleaned_data)
        key, config = found.get("key"), found.get("config")
        if isinstance(key, str) and key in scorers and config is not None:
            try:
                scorer_build(scorer_key=key, config=config)
            except ScorerConfigError as error:
                raise ValidationError({"config": str(error)}) from None
        return found


class TaskSettingForm(ScorerSettingForm):
    """The same of a task, whose model other scorers share.

    The tick is set unless somebody has already configured the tasks apart.
    """

    together = forms.BooleanField(
        label=_("The same configuration for all tasks of its model"),
        required=False,
        initial=True,
        help_text=_("Tasks that are configured alike are trained together, others apart."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = tasks_of(self.scorer_key)
        if others:
            told = gettext(
                "Also sets the configuration and the days between trainings of %(tasks)s. Tasks "
                "that are configured alike are trained together, others apart."
            )
            names = ", ".join(f"{scorers.get(key).label} ({key})" for key in others)
            self.fields["together"].help_text = told % {"tasks": names}
            self.fields["together"].initial = tasks_alike(self.scorer_key)

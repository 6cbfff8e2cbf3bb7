"""A backtest in words: a verdict for each month, and for the whole."""

from collections.abc import Sequence
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from lifecycle_engine.scoring.backtests.results import (
    Month,
    MonthState,
    Published,
    Result,
    Verdict,
)
from lifecycle_engine.scoring.needs import needs_told

_VERDICTS = {
    Verdict.BETTER: gettext_lazy("Beats its baseline"),
    Verdict.WORSE: gettext_lazy("Worse than its baseline"),
    Verdict.UNCLEAR: gettext_lazy("Cannot be told from its baseline"),
}


def month_name(month: Month) -> str:
    """Such as “July 2017”."""
    return date_format(month.as_of, "YEAR_MONTH_FORMAT")


def month_verdict(month: Month, *, metric: str) -> str:
    """What is to be said of the month's new model, or why there is nothing to say."""
    verdict = month.verdict(metric)
    if verdict is not None:
        return str(_VERDICTS[verdict])
    if month.state is MonthState.LACKING:
        return _("Too little data (%(needs)s)") % {"needs": needs_told(month.needs)}
    if month.state is MonthState.OPEN:
        day = date_format(month.until, "DATE_FORMAT")
        return _("Not over: what happened is not known until %(day)s") % {"day": day}
    return _("The same came true of everybody, or nobody bought")


def month_published(month: Month) -> str:
    """Whose scores the rule would have published."""
    if month.published is None:
        return "–"
    if month.published is Published.BASELINE:
        return _("the baseline")
    if month.published is Published.NEW:
        return _("the new model")
    trained = date.fromisoformat(f"{month.champion_of}-01")
    return _("the model of %(month)s") % {"month": date_format(trained, "YEAR_MONTH_FORMAT")}


def whole_verdict(result: Result) -> str:
    """Of the new model of each month, over all that could be judged."""
    judged = result.judged
    if not judged:
        return _("No month could be judged.")
    better = result.having(Verdict.BETTER)
    said = ngettext(
        "The new model beats its baseline in %(better)s of %(count)s month judged.",
        "The new model beats its baseline in %(better)s of %(count)s months judged.",
        len(judged),
    ) % {"better": len(better), "count": len(judged)}
    parts = [
        said,
        _named(_("It cannot be told in: %(months)s."), result.having(Verdict.UNCLEAR)),
        _named(_("It is worse in: %(months)s."), result.having(Verdict.WORSE)),
        _named(
            _("Not judged: %(months)s."),
            [month for month in result.months if month.state is not MonthState.JUDGED],
        ),
    ]
    return " ".join(part for part in parts if part)


def published_verdict(result: Result) -> str:
    """Of what the rule would have published; empty where no month could be judged."""
    judged = result.judged
    if not judged:
        return ""
    kept = [month for month in judged if month.published is Published.BASELINE]
    older = [month for month in judged if month.published is Published.OLDER]
    told = _(
        "What the rule would have published was better than the baseline in %(better)s of "
        "%(count)s."
    ) % {"better": len(result.publishing(Verdict.BETTER)), "count": len(judged)}
    parts = [
        told,
        _named(_("It was worse in: %(months)s."), result.publishing(Verdict.WORSE)),
        _named(_("An older model would have scored in: %(months)s."), older),
        _named(_("The baseline would have been kept in: %(months)s."), kept),
    ]
    return " ".join(part for part in parts if part)


def _named(sentence: str, months: Sequence[Month]) -> str:
    """The sentence with the months' names; nothing without months."""
    return sentence % {"months": ", ".join(map(month_name, months))} if months else ""

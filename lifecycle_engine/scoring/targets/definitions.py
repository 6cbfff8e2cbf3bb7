"""What a target may say, and what it asks of the tables.

The outcome's rule is asked of tables that begin at the cut-off and end with the horizon, and the
population's of tables that end at the cut-off. Only conditions about events are taken: what else
there is knows only the present, and would tell of the past what came later.
"""

from collections.abc import Callable, Collection, Iterator

import ibis
import ibis.expr.types as ir
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lifecycle_engine.scoring.errors import ScoringError
from lifecycle_engine.scoring.target_models import HORIZON_MOST, Target, TargetPopulation
from lifecycle_engine.sdk import families
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.conditions.windows import Window
from lifecycle_engine.segments.rules import (
    Leaf,
    Rule,
    RuleError,
    rule_expression,
    rule_parse,
    rule_sentence,
)

#: Conditions that read what happened, and nothing that changes in place.
OUTCOME_CONDITIONS = (
    *("event.count", "event.absent", "event.figure", "category.bought", "order.total"),
)
POPULATION_CONDITIONS = (
    *OUTCOME_CONDITIONS,
    *("event.first_or_last", "event.sequence", "category.lapsed", "category.share"),
    "order.recency",
)
#: What conditions say of time, which of an outcome only the target says.
TIMES = tuple(Window.model_fields)


class TargetError(ScoringError):
    """A target can't be as it was given.

    Attributes:
        field: which part, such as ``outcome.rule.all[0].days``.
        value: what was given.
        words: the reason to staff, in their language.
    """

    def __init__(self, field: str, value: object, reason: str, words: str = "") -> None:
        self.field, self.value, self.words = field, value, words or reason
        super().__init__(f"{field}: {reason} (it is {value!r:.80})")


def outcome_parse(document: object) -> Rule:
    """Read the rule of an outcome.

    Raises:
        TargetError: it is no rule, is not finished, has a condition that is not about events, or
            one with a time of its own, since its time is the target's.
    """
    return _parsed("outcome", document, outcome_faults)


def outcome_faults(rule: Rule) -> Iterator[TargetError]:
    """Everything that a rule says and an outcome may not, from top to bottom."""
    for leaf in rule.leaves:
        yield from _not_among("outcome", leaf, OUTCOME_CONDITIONS)
        config = leaf.condition.config
        given = [name for name in TIMES if getattr(config, name, None) is not None]
        if isinstance(config, Window) and given:
            yield TargetError(
                f"outcome.{leaf.path}.{given[0]}",
                getattr(config, given[0]),
                "an outcome's time is the target's horizon_days, and it has no other",
                _("The time is how far the target looks ahead; leave the condition's own empty."),
            )


def population_parse(document: object) -> Rule:
    """Read the rule of a population.

    Raises:
        TargetError: it is no rule, is not finished, or has a condition that is not about events.
    """
    return _parsed("population_rule", document, population_faults)


def population_faults(rule: Rule) -> Iterator[TargetError]:
    """Everything that a rule says and a population may not, from top to bottom."""
    for leaf in rule.leaves:
        yield from _not_among("population_rule", leaf, POPULATION_CONDITIONS)


def definition_check(target: Target) -> None:
    """See that a target's parts are what they may be.

    Raises:
        TargetError: one is not; the error names it.
    """
    if not target.name.strip() or len(target.name) > 120:
        raise TargetError("name", target.name, "must have 1 to 120 characters")
    days = target.horizon_days
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= HORIZON_MOST:
        raise TargetError("horizon_days", days, f"must be a whole number from 1 to {HORIZON_MOST}")
    outcome_parse(target.outcome)
    if target.population not in TargetPopulation.values:
        known = ", ".join(TargetPopulation.values)
        raise TargetError("population", target.population, f"must be one of {known}")
    if target.population == TargetPopulation.RULE:
        population_parse(target.population_rule)
    elif target.population_rule is not None:
        raise TargetError(
            "population_rule", target.population_rule, 'goes only with the population "rule"'
        )


def target_of(row: Target) -> families.Target:
    """A row as scorers know it."""
    outcome = outcome_parse(row.outcome)
    by_rule = row.population == TargetPopulation.RULE
    chosen = population_parse(row.population_rule) if by_rule else None

    def population(tables: Tables) -> ir.Table:
        return _population(tables, TargetPopulation(row.population), chosen)

    return families.Target(
        key=row.key,
        label=row.name,
        sentence=lazy(rule_sentence, str)(outcome),
        horizon_days=row.horizon_days,
        population=population,
        outcome=lambda window: rule_expression(outcome, window),
    )


def population_words(row: Target) -> str:
    """Whom the target is about."""
    if row.population == TargetPopulation.RULE:
        return rule_sentence(population_parse(row.population_rule))
    return str(row.get_population_display())


def horizon_words(days: int) -> str:
    """Such as "within 7 days"."""
    return ngettext("within %(days)s day", "within %(days)s days", days) % {"days": days}


def _parsed(field: str, document: object, faults: Callable[[Rule], Iterator[TargetError]]) -> Rule:
    try:
        rule = rule_parse(document)
    except RuleError as error:
        raise TargetError(
            f"{field}.{error.path}", error.value, error.reason, error.words
        ) from error
    for fault in faults(rule):
        raise fault
    if not rule.finished:
        raise TargetError(field, document, "a group has no condition, or there is none at all")
    return rule


def _not_among(field: str, leaf: Leaf, allowed: Collection[str]) -> Iterator[TargetError]:
    if leaf.condition.key not in allowed:
        yield TargetError(
            f"{field}.{leaf.path}.condition",
            leaf.condition.key,
            f"can't be used here: only what happened counts; there is {', '.join(allowed)}",
            _("“%(condition)s” can't be used here: only what happened counts.")
            % {"condition": leaf.condition.label},
        )


def _population(tables: Tables, kind: TargetPopulation, rule: Rule | None) -> ir.Table:
    buyers = tables.orders.select("customer_id").distinct()
    if kind is TargetPopulation.BUYERS:
        return buyers
    known = _known(tables)
    if kind is TargetPopulation.NEWCOMERS:
        return known.anti_join(buyers, "customer_id")
    # Also of a rule that holds for whoever did nothing: not for those who came later.
    return known if rule is None else known.semi_join(rule_expression(rule, tables), "customer_id")


def _known(tables: Tables) -> ir.Table:
    """Who was known by then: registered before, or seen doing something."""
    customers = tables.customers
    registered = customers.filter(customers.created_at < tables.moment())
    ids = registered.select(customer_id=registered.id)
    seen = (table.select("customer_id") for table in (tables.events, tables.orders))
    return ibis.union(ids, *seen).drop_null().distinct()

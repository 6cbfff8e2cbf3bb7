"""Why a customer is in a segment or isn't."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import Group, Leaf, Outcome, Rule, rule_explain, rule_parse
from lifecycle_engine.warehouse.session import warehouse_session


def segment_explain(*, segment: Segment, customer_id: int, at: datetime) -> dict[str, Any]:
    """The rule's tree with ``holds`` at every node, for one customer as of ``at``.

    A condition is ``{"condition", "sentence", "path", "holds", "observed"}``, where
    ``observed`` is what it saw (a number, a text, a moment) or None; ``note``, where there is one,
    says what to know of what it read. A group is
    ``{"group", "holds", "children"}``. Where the rule is not finished nothing holds.

    Raises:
        RuleError: the stored rule can't be read.
        RuleEvaluationError: it can't be evaluated.
    """
    rule = rule_parse(segment.rule)
    with warehouse_session(as_of=at, customer_ids=[customer_id]) as tables:
        return rule_explained(rule, tables, customer_id=customer_id)


def rule_explained(rule: Rule, tables: Tables, *, customer_id: int) -> dict[str, Any]:
    """The tree of ``segment_explain`` for a rule that need not be saved.

    Raises:
        RuleEvaluationError: it can't be evaluated.
    """
    outcomes = rule_explain(rule, tables, customer_id=customer_id)
    if rule.root is None:
        return {"group": "all", "holds": False, "children": []}
    tree = _explained(rule.root, outcomes)
    # An unknown customer, and anybody where a group is empty, is not selected.
    return tree if rule.finished and outcomes else tree | {"holds": False}


def _explained(node: Group | Leaf, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    if isinstance(node, Leaf):
        outcome = outcomes.get(node.path, Outcome(holds=False))
        return {
            "condition": node.condition.key,
            "sentence": node.condition.sentence(),
            "path": node.path,
            "holds": outcome.holds,
            "observed": outcome.observed,
            **({"note": note} if (note := node.condition.note()) else {}),
        }
    children = [_explained(child, outcomes) for child in node.children]
    held = [child["holds"] for child in children]
    holds = {"all": all(held), "any": any(held), "none": not any(held)}[node.kind]
    return {"group": node.kind, "holds": holds, "children": children}

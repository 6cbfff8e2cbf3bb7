"""The rule language: a closed, versioned JSON tree of groups and conditions.

``{"version": 1, "rule": {"all": [{"condition": "event.absent", "name": "Order Completed"}, …]}}``
"""

from lifecycle_engine.segments.rules.compiler import (
    Outcome,
    RuleEvaluationError,
    rule_expiring,
    rule_explain,
    rule_expression,
    rule_select,
)
from lifecycle_engine.segments.rules.schema import rule_schema
from lifecycle_engine.segments.rules.tree import (
    GROUPS,
    Group,
    Leaf,
    Rule,
    RuleError,
    rule_parse,
)
from lifecycle_engine.segments.rules.words import rule_sentence

__all__ = [
    "GROUPS",
    "Group",
    "Leaf",
    "Outcome",
    "Rule",
    "RuleError",
    "RuleEvaluationError",
    "rule_expiring",
    "rule_explain",
    "rule_expression",
    "rule_parse",
    "rule_schema",
    "rule_select",
    "rule_sentence",
]

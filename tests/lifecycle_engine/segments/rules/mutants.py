"""Conditions broken on purpose: every small change of how a leaf, or a rule, is compiled."""

import ast
import importlib

from tests.mutants import Mutant, mutants

_SEGMENTS = "lifecycle_engine.segments.conditions"
#: Stands for whole rules among the keys of conditions.
RULES = "rules"
#: The modules that conditions are compiled by, with what is tried on what they share.
MODULES = {
    f"{_SEGMENTS}.attributes": ("attribute",),
    f"{_SEGMENTS}.catalogue": ("category.bought", "category.lapsed", "category.share"),
    f"{_SEGMENTS}.comparisons": ("attribute", "event.count", "event.figure", "location.near"),
    f"{_SEGMENTS}.dates": ("date.near",),
    f"{_SEGMENTS}.events": ("event.absent", "event.count", "event.first_or_last", "event.figure"),
    f"{_SEGMENTS}.figures": ("event.figure", "order.total"),
    f"{_SEGMENTS}.identity": ("identity.kind", "location.near"),
    f"{_SEGMENTS}.orders": ("order.recency", "order.total"),
    f"{_SEGMENTS}.sequences": ("event.sequence",),
    f"{_SEGMENTS}.standing": (*("segment.member", "stage.is", "consent.granted", "random.bucket"),),
    f"{_SEGMENTS}.windows": (
        *("event.absent", "event.count", "event.first_or_last", "order.total"),
        *("category.lapsed", "date.near"),
    ),
    "lifecycle_engine.scoring.conditions": (
        *("score.class", "score.value", "score.percentile", "recommendation.contains"),
    ),
    "lifecycle_engine.rewards.conditions": ("coupon.has",),
    "lifecycle_engine.segments.rules.compiler": (RULES,),
}
# What no selection depends on: words, explaining, passing time (test_expiring), reading a rule.
_OTHER = (
    "sentence",
    "note",
    "_score_note",
    "observed",
    "expiring",
    "crossed",
    "crossing",
    "own",
    "segments",
    "ages",
    "_score_of",
    # Of the compiler.
    "rule_explain",
    "rule_expiring",
    "_observed",
    "_expired",
    "_expiring",
    "_asked",
    "_evaluated",
)
_READING = (
    "_known",
    "_ordered",
    "_classed",
    "_moment",
    "_day",
    "_zone",
    "bounds_check",
    "_of",
    "_wants",
    "_operator_wants",
)


def compiling_mutants():
    """All of them."""
    return [mutant for module in MODULES for mutant in mutants(module, _is_compiling)]


def keys_of(mutant: Mutant):
    """The conditions that can show it."""
    owner = getattr(importlib.import_module(mutant.module), mutant.function.split(".")[0], None)
    key = getattr(owner, "key", None)
    return (key,) if isinstance(key, str) else MODULES[mutant.module]


def _is_compiling(name, node):
    last = name.rpartition(".")[2]
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    validates = any("validator" in words for words in decorators)
    return not (
        validates or last in _OTHER or name in _READING or last.endswith(("_words", "_suits"))
    )

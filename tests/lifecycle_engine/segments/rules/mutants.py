"""Conditions broken on purpose: every small change of how a leaf is compiled, one at a time.

A mutant changes the code of one function in place, so that whoever imported it runs the change.
"""

import ast
import copy
import importlib
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SEGMENTS = "lifecycle_engine.segments.conditions"
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
        *("score.value", "score.percentile", "recommendation.contains"),
    ),
    "lifecycle_engine.rewards.conditions": ("coupon.has",),
}
# What no selection depends on: words, explaining, passing time (test_expiring), reading a rule.
_OTHER = (
    "sentence",
    "observed",
    "expiring",
    "crossed",
    "crossing",
    "own",
    "segments",
    "ages",
    "_score_of",
)
_READING = (
    "_known",
    "_moment",
    "_day",
    "_zone",
    "bounds_check",
    "_of",
    "_wants",
    "_operator_wants",
)

_EDGES = {ast.GtE: ast.Gt, ast.Gt: ast.GtE, ast.LtE: ast.Lt, ast.Lt: ast.LtE}
_EDGES |= {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
_LOGIC = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Add: ast.Sub, ast.Sub: ast.Add}
_DROPPED = ("filter", "nullif", "fill_null", "drop_null", "semi_join")
_SWAPPED = {"min": "max", "max": "min", "isnull": "notnull", "notnull": "isnull"}
_SWAPPED |= {"anti_join": "semi_join", "contains": "startswith", "startswith": "contains"}
_SWAPPED |= {"nunique": "count", "all": "any", "sin": "cos", "cos": "sin"}


@dataclass(frozen=True)
class Mutant:
    """One change: in which function of which module, where, and what."""

    module: str
    function: str
    index: int
    change: str
    line: str

    def __str__(self):
        return f"{self.module.rpartition('.')[2]}.{self.function}: {self.change} in `{self.line}`"

    @property
    def keys(self):
        """The conditions that can show it."""
        owner = getattr(importlib.import_module(self.module), self.function.split(".")[0], None)
        key = getattr(owner, "key", None)
        return (key,) if isinstance(key, str) else MODULES[self.module]


class _Changes(ast.NodeTransformer):
    """Finds what can be changed in a function, and changes the one of an index."""

    def __init__(self, index=None):
        self.index, self.found = index, []

    def _offer(self, node, change, changed):
        """Note a change, and return the changed node if it is the one that is wanted."""
        is_wanted = self.index == len(self.found)
        self.found.append((change, node.lineno))
        return changed(node) if is_wanted else node

    def visit_Compare(self, node):
        other = _EDGES.get(type(node.ops[0]))
        self.generic_visit(node)
        if other is None or _is_static(node):
            return node
        change = f"{type(node.ops[0]).__name__} to {other.__name__}"
        return self._offer(node, change, lambda it: ast.copy_location(_compared(it, other()), it))

    def visit_BinOp(self, node):
        other = _LOGIC.get(type(node.op))
        self.generic_visit(node)
        if other is None or isinstance(node.left, ast.Constant | ast.JoinedStr):
            return node
        change = f"{type(node.op).__name__} to {other.__name__}"
        return self._offer(node, change, lambda it: ast.BinOp(it.left, other(), it.right))

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Invert):
            return node
        return self._offer(node, "no Invert", lambda it: it.operand)

    def visit_Constant(self, node):
        if isinstance(node.value, bool):
            return self._offer(node, "flipped", lambda it: ast.Constant(not it.value))
        if isinstance(node.value, int | float):
            return self._offer(node, "one more", lambda it: ast.Constant(it.value + 1))
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name in _DROPPED:
            node = self._offer(node, f"no {name}", lambda it: it.func.value)
        if name == "filter" and isinstance(node, ast.Call) and len(node.args) > 1:
            for i in range(len(node.args)):
                node = self._offer(
                    node,
                    f"no filter {i + 1}",
                    lambda it, i=i: ast.Call(it.func, it.args[:i] + it.args[i + 1 :], []),
                )
        if name in _SWAPPED:
            other = _SWAPPED[name]
            node = self._offer(
                node,
                f"{name} to {other}",
                lambda it: ast.Call(
                    ast.Attribute(it.func.value, other, ast.Load()), it.args, it.keywords
                ),
            )
        return node


def _compared(node, operator):
    return ast.Compare(node.left, [operator], node.comparators)


def _is_static(node):
    """Whether it compares with a name or nothing: a switch of ours rather than of the data."""
    right = node.comparators[0]
    return isinstance(node.ops[0], ast.Eq | ast.NotEq) and isinstance(right, ast.Constant)


def _changed(function, index):
    changes = _Changes(index)
    function.body = [changes.visit(statement) for statement in function.body]
    return changes


def _functions(tree):
    """Every function with its qualified name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def _is_compiling(name, node):
    last = name.rpartition(".")[2]
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    validates = any("validator" in words for words in decorators)
    return not (
        validates or last in _OTHER or last in _READING or last.endswith(("_words", "_suits"))
    )


def _parsed(module):
    path = Path(inspect.getsourcefile(importlib.import_module(module)))
    tree = ast.parse(path.read_text())
    return tree, path.read_text().splitlines(), str(path)


def mutants():
    """All of them, in the order of the source."""
    for module in MODULES:
        tree, lines, _path = _parsed(module)
        for name, node in _functions(tree):
            if not _is_compiling(name, node):
                continue
            changes = _changed(copy.deepcopy(node), None)
            for index, (change, line) in enumerate(changes.found):
                yield Mutant(module, name, index, change, lines[line - 1].strip())


@contextmanager
def applied(mutant):
    """Run the changed code in place of the function's own."""
    tree, _lines, path = _parsed(mutant.module)
    changed = copy.deepcopy(tree)
    node = dict(_functions(changed))[mutant.function]
    _changed(node, mutant.index)
    code = _code(compile(ast.fix_missing_locations(changed), path, "exec"), mutant.function)
    function = _function(mutant)
    original, function.__code__ = function.__code__, code
    try:
        yield
    finally:
        function.__code__ = original


def _function(mutant):
    owner = importlib.import_module(mutant.module)
    *classes, name = mutant.function.split(".")
    for part in classes:
        owner = getattr(owner, part)
    found = inspect.getattr_static(owner, name)
    found = found.fget if isinstance(found, property) else found
    return getattr(found, "__func__", found)


def _code(code, qualified):
    for constant in code.co_consts:
        if hasattr(constant, "co_qualname"):
            if constant.co_qualname == qualified:
                return constant
            inner = _code(constant, qualified)
            if inner:
                return inner
    return None

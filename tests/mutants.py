"""Code broken on purpose: every small change of a function, one at a time.

A mutant changes the code of one function in place, so that whoever imported it runs the change.
"""

import ast
import copy
import importlib
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

_EDGES = {ast.GtE: ast.Gt, ast.Gt: ast.GtE, ast.LtE: ast.Lt, ast.Lt: ast.LtE}
_EDGES |= {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
_LOGIC = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Add: ast.Sub, ast.Sub: ast.Add}
_LOGIC |= {ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And}
_DROPPED = ("filter", "nullif", "fill_null", "drop_null", "semi_join")
_SWAPPED = {"min": "max", "max": "min", "isnull": "notnull", "notnull": "isnull"}
_SWAPPED |= {"anti_join": "semi_join", "contains": "startswith", "startswith": "contains"}
_SWAPPED |= {"nunique": "count", "all": "any", "sin": "cos", "cos": "sin"}
_SWAPPED |= {"less": "less_equal", "greater_equal": "greater", "and_": "or_"}
# Of statements that are written out; and of bounds that are named, the whole text.
_WORDS = {" < ": " <= ", " >= ": " > ", " AND ": " OR ", " LEFT JOIN ": " JOIN "}
_SIGNS = {"<=": "<", ">=": ">"}
_NAMES = {"and_": "or_", "or_": "and_", "min": "max", "max": "min"}


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


class _Changes(ast.NodeTransformer):
    """Finds what can be changed in a function, and changes the one of an index."""

    def __init__(self, names, index=None):
        self.index, self.found = index, []
        self._names = names

    def _offer(self, node, change, changed):
        """Note a change, and return the changed node if it is the one that is wanted."""
        is_wanted = self.index == len(self.found)
        self.found.append((change, node.lineno))
        return ast.copy_location(changed(node), node) if is_wanted else node

    def visit_Compare(self, node):
        other = _EDGES.get(type(node.ops[0]))
        self.generic_visit(node)
        if other is None or _is_static(node):
            return node
        change = f"{type(node.ops[0]).__name__} to {other.__name__}"
        return self._offer(node, change, lambda it: _compared(it, other()))

    def visit_BinOp(self, node):
        other = _LOGIC.get(type(node.op))
        self.generic_visit(node)
        if other is None or isinstance(node.left, ast.Constant | ast.JoinedStr):
            return node
        change = f"{type(node.op).__name__} to {other.__name__}"
        return self._offer(node, change, lambda it: ast.BinOp(it.left, other(), it.right))

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        other = _LOGIC[type(node.op)]
        change = f"{type(node.op).__name__} to {other.__name__}"
        return self._offer(node, change, lambda it: ast.BoolOp(other(), it.values))

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Invert | ast.Not):
            return node
        return self._offer(node, f"no {type(node.op).__name__}", lambda it: it.operand)

    def visit_If(self, node):
        self.generic_visit(node)
        return self._offer(node, "if not", lambda it: ast.If(_negated(it), it.body, it.orelse))

    def visit_IfExp(self, node):
        self.generic_visit(node)
        return self._offer(node, "if not", lambda it: ast.IfExp(_negated(it), it.body, it.orelse))

    def visit_Name(self, node):
        if node.id in _NAMES:
            other = _NAMES[node.id]
            return self._offer(
                node, f"{node.id} to {other}", lambda it: ast.Name(other, ast.Load())
            )
        value = self._names.get(node.id) if node.id.isupper() else None
        if isinstance(value, int | float):
            return self._offer(
                node,
                f"{node.id} and one more",
                lambda it: ast.BinOp(it, ast.Add(), ast.Constant(1)),
            )
        if isinstance(value, str) and value.startswith("^"):
            node = self._offer(
                node, f"{node.id} from anywhere", lambda _it: ast.Constant(value[1:])
            )
        return node

    def visit_Constant(self, node):
        if isinstance(node.value, bool):
            return self._offer(node, "flipped", lambda it: ast.Constant(not it.value))
        if isinstance(node.value, int | float):
            return self._offer(node, "one more", lambda it: ast.Constant(it.value + 1))
        words = _worded(node.value) if isinstance(node.value, str) else node.value
        if words != node.value:
            return self._offer(node, f"to {words.strip()!r}", lambda _it: ast.Constant(words))
        return node

    def visit_Expr(self, node):
        # What a function says of itself is not changed.
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)

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


def _worded(text):
    """The text with one word of a statement exchanged, or as it is."""
    for word, other in _WORDS.items():
        if word in text:
            return text.replace(word, other)
    return _SIGNS.get(text, text)


def _negated(node):
    return ast.UnaryOp(ast.Not(), node.test)


def _compared(node, operator):
    return ast.Compare(node.left, [operator], node.comparators)


def _is_static(node):
    """Whether it compares with a name or nothing: a switch of ours rather than of the data."""
    right = node.comparators[0]
    return isinstance(node.ops[0], ast.Eq | ast.NotEq) and isinstance(right, ast.Constant)


def _changed(module, function, index):
    changes = _Changes(vars(importlib.import_module(module)), index)
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


@cache
def _parsed(module):
    path = Path(inspect.getsourcefile(importlib.import_module(module)))
    tree = ast.parse(path.read_text())
    return tree, path.read_text().splitlines(), str(path)


def mutants(module, is_wanted):
    """Those of a module, in the order of the source.

    Args:
        module: its name.
        is_wanted: whether a function is to be broken, by its qualified name and its node.
    """
    tree, lines, _path = _parsed(module)
    for name, node in _functions(tree):
        if is_wanted(name, node):
            changes = _changed(module, copy.deepcopy(node), None)
            for index, (change, line) in enumerate(changes.found):
                yield Mutant(module, name, index, change, lines[line - 1].strip())


@contextmanager
def applied(mutant):
    """Run the changed code in place of the function's own."""
    function = _function(mutant)
    original, function.__code__ = function.__code__, _broken(mutant)
    try:
        yield
    finally:
        function.__code__ = original


@cache
def _broken(mutant):
    tree, _lines, path = _parsed(mutant.module)
    changed = copy.deepcopy(tree)
    node = dict(_functions(changed))[mutant.function]
    _changed(mutant.module, node, mutant.index)
    return _code(compile(ast.fix_missing_locations(changed), path, "exec"), mutant.function)


def _function(mutant):
    owner = importlib.import_module(mutant.module)
    *classes, name = mutant.function.split(".")
    for part in classes:
        owner = getattr(owner, part)
    found = inspect.getattr_static(owner, name)
    found = found.fget if isinstance(found, property) else found
    found = found.func if isinstance(found, cached_property) else found
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

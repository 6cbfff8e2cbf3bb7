"""A rule in words."""

from django.utils.translation import gettext as _

from lifecycle_engine.segments.rules.tree import Group, Leaf, Rule


def rule_sentence(rule: Rule) -> str:
    """The rule as a sentence that staff can read, in the active language."""
    if rule.root is None or not rule.finished:
        return _("Nobody: the rule or one of its groups has no condition yet.")
    return _("A customer who %(rule)s.") % {"rule": _words(rule.root, outermost=True)}


def _words(node: Group | Leaf, *, outermost: bool = False) -> str:
    if isinstance(node, Leaf):
        return node.condition.sentence()
    parts = [_words(child) for child in node.children]
    if node.kind == "none":
        return _("not (%(parts)s)") % {"parts": _(" or ").join(parts)}
    joined = (_(" and ") if node.kind == "all" else _(" or ")).join(parts)
    return joined if outermost or len(parts) == 1 else f"({joined})"

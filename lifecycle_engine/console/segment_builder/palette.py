"""The conditions that can be added, in groups of what they are about."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from lifecycle_engine.sdk.conditions import conditions

_OWN = "lifecycle_engine."


def palette(
    only: Collection[str] | None = None,
) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Groups with key and label of each condition; a plugin's stand under the plugin's name.

    Args:
        only: keys of the conditions that may be used; None for all.
    """
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for condition in conditions:
        if only is not None and condition.key not in only:
            continue
        groups[_group(condition.key)].append((condition.key, str(condition.label)))
    return [(name, sorted(entries, key=lambda one: one[1])) for name, entries in groups.items()]


def _group(key: str) -> str:
    owner = conditions.owner(key)
    if not owner.startswith(_OWN):
        return owner.rpartition(".")[2].replace("_", " ").capitalize()
    about = key.partition(".")[0]
    return {
        "attribute": _("Who they are"),
        "event": _("What they did"),
        "order": _("What they bought"),
        "category": _("What they bought"),
        "product": _("What they bought"),
        "score": _("What is predicted"),
        "recommendation": _("What is predicted"),
    }.get(about, _("Where they stand"))

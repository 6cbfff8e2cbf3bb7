"""The rule language once more, as a few lines of plain Python that are easy to believe."""

import hashlib
import json
from datetime import timedelta

from tests.factories.segments import NOW

_MISSING = (None, "")


def selected(document, world):
    """Ids of the customers for whom the rule holds, ascending."""
    root = document["rule"]
    if root == {} or _has_empty_group(root):
        return []
    return sorted(c["id"] for c in world["customers"] if _holds(root, c, world))


def _has_empty_group(node):
    if "condition" in node:
        return False
    ((_kind, children),) = node.items()
    return not children or any(_has_empty_group(child) for child in children)


def _holds(node, customer, world):
    if "condition" in node:
        return LEAVES[node["condition"]](node, customer, world)
    ((kind, children),) = node.items()
    outcomes = [_holds(child, customer, world) for child in children]
    return {"all": all(outcomes), "any": any(outcomes), "none": not any(outcomes)}[kind]


def _attribute(leaf, customer, world):
    field = leaf["field"]
    if field.startswith("attributes."):
        document = json.loads(customer["attributes"])
        text = _json_text(document.get(field.removeprefix("attributes.")))
    else:
        text = customer.get(field)
    return _compare(text, leaf["operator"], leaf.get("value"))


def _json_text(value):
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _compare(text, operator, value):
    if operator == "missing":
        return text in _MISSING
    if text in _MISSING:
        return False
    if operator == "one_of":
        return any(_compare(text, "is", one) for one in value)
    left, right = text, value
    if isinstance(value, bool):
        right = json.dumps(value)
    elif isinstance(value, int | float):
        try:
            left = float(text)
        except ValueError:
            return False
    return {
        "is": left == right,
        "is_not": left != right,
        "at_least": left >= right,
        "at_most": left <= right,
    }[operator]


def _happenings(table, leaf, customer, world):
    since = NOW - timedelta(days=leaf["days"]) if leaf.get("days") else None
    return [
        row
        for row in world[table]
        if row["customer_id"] == customer["id"]
        and row["occurred_at"] < NOW
        and (since is None or row["occurred_at"] >= since)
    ]


def _events(leaf, customer, world):
    return [
        event
        for event in _happenings("events", leaf, customer, world)
        if event["name"] == leaf["name"]
        and all(
            _compare(
                _json_text(json.loads(event["properties"]).get(wanted["property"])),
                wanted["operator"],
                wanted.get("value"),
            )
            for wanted in leaf.get("where", [])
        )
    ]


def _between(number, leaf):
    low, high = leaf.get("at_least"), leaf.get("at_most")
    return (low is None or number >= low) and (high is None or number <= high)


def _event_count(leaf, customer, world):
    return _between(len(_events(leaf, customer, world)), leaf)


def _event_absent(leaf, customer, world):
    return not _events(leaf, customer, world)


def _order_recency(leaf, customer, world):
    orders = _happenings("orders", {}, customer, world)
    if not orders:
        return False
    days = (NOW - max(order["occurred_at"] for order in orders)) / timedelta(days=1)
    return _between(days, {k.removesuffix("_days"): v for k, v in leaf.items()})


def _order_total(leaf, customer, world):
    orders = _happenings("orders", leaf, customer, world)
    return _between(round(sum(order["value"] or 0 for order in orders), 2), leaf)


def _lines(leaf, customer, world):
    (part,) = leaf.keys() & {"department", "category"}
    return [
        line
        for line in _happenings("order_lines", {**leaf, "days": None}, customer, world)
        if line[part] == leaf[part]
    ]


def _category_bought(leaf, customer, world):
    since = NOW - timedelta(days=leaf["days"]) if leaf.get("days") else None
    lines = _lines(leaf, customer, world)
    orders = {line["event_id"] for line in lines if since is None or line["occurred_at"] >= since}
    return len(orders) >= leaf.get("at_least", 1)


def _category_lapsed(leaf, customer, world):
    lines = _lines(leaf, customer, world)
    enough = len({line["event_id"] for line in lines}) >= leaf.get("at_least", 1)
    since = NOW - timedelta(days=leaf["days"])
    return enough and all(line["occurred_at"] < since for line in lines)


def _segment_member(leaf, customer, world):
    return any(
        row["customer_id"] == customer["id"] and row["segment"] == leaf["segment"]
        for row in world["memberships"]
    )


def _stage_is(leaf, customer, world):
    return any(
        row["customer_id"] == customer["id"] and row["stage"] in leaf["one_of"]
        for row in world["stages"]
    )


def _consent_granted(leaf, customer, world):
    entries = [
        row
        for row in world["consents"]
        if row["customer_id"] == customer["id"]
        and (row["channel"], row["purpose"]) == (leaf["channel"], leaf["purpose"])
        and row["recorded_at"] <= NOW
    ]
    if not entries:
        return False
    newest = max(entries, key=lambda row: (row["recorded_at"], not row["granted"]))
    return newest["granted"] and (newest["expires_at"] is None or newest["expires_at"] > NOW)


def _random_bucket(leaf, customer, world):
    digest = hashlib.md5(f"{leaf['salt']}:{customer['id']}".encode()).hexdigest()
    percent = int(digest[:8], 16) % 10_000 / 100
    return leaf.get("from_percent", 0) <= percent < leaf["below_percent"]


LEAVES = {
    "attribute": _attribute,
    "category.bought": _category_bought,
    "category.lapsed": _category_lapsed,
    "consent.granted": _consent_granted,
    "event.absent": _event_absent,
    "event.count": _event_count,
    "order.recency": _order_recency,
    "order.total": _order_total,
    "random.bucket": _random_bucket,
    "segment.member": _segment_member,
    "stage.is": _stage_is,
}

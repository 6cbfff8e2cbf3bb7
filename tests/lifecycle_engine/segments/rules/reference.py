"""The rule language once more, as a few lines of plain Python that are easy to believe."""

import hashlib
import json
import math
import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_MISSING = (None, "")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?")


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


# Values.


def _json_text(value):
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _number(text):
    if text is None or len(text) > 50 or not _NUMBER.fullmatch(text):
        return None
    return float(text)


def _member_holds(document, name, wanted):
    value = json.loads(document).get(name)
    if wanted["operator"] == "includes":
        return isinstance(value, list) and wanted["value"] in map(_json_text, value)
    if wanted["operator"] in ("missing", "present"):
        return (value in _MISSING) == (wanted["operator"] == "missing")
    return _compare(_plain(value), wanted["operator"], wanted.get("value"))


def _plain(value):
    """Lists and objects, and what looks like them, are not compared."""
    text = _json_text(value)
    return None if text is None or text[:1] in ("[", "{") else text


def _compare(text, operator, value):
    if operator == "missing":
        return text in _MISSING
    if text in _MISSING:
        return False
    if operator == "present":
        return True
    if operator == "one_of":
        return any(_compare(text, "is", one) for one in value)
    left, right = text, value
    if isinstance(value, bool):
        right = json.dumps(value)
    elif isinstance(value, int | float):
        left = _number(text)
        if left is None:
            return False
    return {
        "is": lambda: left == right,
        "is_not": lambda: left != right,
        "at_least": lambda: left >= right,
        "at_most": lambda: left <= right,
        "contains": lambda: right in left,
        "starts_with": lambda: left.startswith(right),
    }[operator]()


def _between(number, leaf):
    if number is None:
        return False
    low, high = leaf.get("at_least"), leaf.get("at_most")
    return (low is None or number >= low) and (high is None or number <= high)


def _parts(number):
    return math.floor(number * 10_000 + 0.5)


# Customers.


def _attribute(leaf, customer, _world):
    field = leaf["field"]
    if field == "created_at":
        value = leaf.get("value") and datetime.fromisoformat(leaf["value"])
        return _compare(customer["created_at"], leaf["operator"], value)
    if field.startswith("attributes."):
        return _member_holds(customer["attributes"], field.removeprefix("attributes."), leaf)
    return _compare(customer.get(field), leaf["operator"], leaf.get("value"))


def _identity_kind(leaf, customer, _world):
    column = {"email": "email_hash", "phone": "phone_hash"}.get(leaf["kind"], "external_id")
    known = customer.get(column) not in _MISSING
    return not known if leaf["kind"] == "anonymous" else known


def _location_near(leaf, customer, _world):
    said = json.loads(customer["attributes"])
    north, east = (_number(_json_text(said.get(name))) for name in ("latitude", "longitude"))
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return False
    here = [math.radians(angle) for angle in (north, east)]
    there = [math.radians(leaf[name]) for name in ("latitude", "longitude")]
    # The angle between two points of a sphere, by their vectors.
    cosine = math.sin(here[0]) * math.sin(there[0]) + math.cos(here[0]) * math.cos(
        there[0]
    ) * math.cos(here[1] - there[1])
    return 6371.0088 * math.acos(max(-1, min(1, cosine))) <= leaf["kilometres"]


def _date_near(leaf, customer, world):
    zone = ZoneInfo(leaf.get("time_zone", "UTC"))
    today = world["at"].astimezone(zone).date()
    if leaf["field"] == "created_at":
        day = customer["created_at"].astimezone(zone).date()
        said = (day.year, day.month, day.day)
    else:
        name = leaf["field"].removeprefix("attributes.")
        text = _json_text(json.loads(customer["attributes"]).get(name))
        found = _DATE.fullmatch(text or "")
        if not found:
            return False
        said = tuple(map(int, found.groups()[:3]))
        if not (1 <= said[1] <= 12 and 1 <= said[2] <= 31):
            return False
    low, high = leaf.get("from_days"), leaf.get("to_days")
    if leaf.get("yearly"):
        days = [today + timedelta(days=offset) for offset in range(low, high + 1)]
        return any(_celebrates(said, day) for day in days)
    bounds = [None if n is None else today + timedelta(days=n) for n in (low, high)]
    first, last = (None if b is None else (b.year, b.month, b.day) for b in bounds)
    return (first is None or said >= first) and (last is None or said <= last)


def _celebrates(said, day):
    year, *rest = said
    if rest == [2, 29]:
        is_last_of_february = (day + timedelta(days=1)).day == 1 and day.month == 2
        return day.year > year and is_last_of_february
    return day.year > year and rest == [day.month, day.day]


# Happenings.


def _inside(moment, leaf, world):
    at = world["at"]
    if leaf.get("first_day") or leaf.get("last_day"):
        day = moment.astimezone(ZoneInfo(leaf.get("time_zone") or "UTC")).date()
        first, last = leaf.get("first_day"), leaf.get("last_day")
        return (first is None or day >= date.fromisoformat(first)) and (
            last is None or day <= date.fromisoformat(last)
        )
    days, skipped = leaf.get("days"), leaf.get("skip_days")
    return (days is None or moment >= at - timedelta(days=days)) and (
        skipped is None or moment < at - timedelta(days=skipped)
    )


def _happenings(table, customer, world):
    return [
        row
        for row in world[table]
        if row["customer_id"] == customer["id"] and row["occurred_at"] < world["at"]
    ]


def _events(wanted, customer, world):
    return [
        event
        for event in _happenings("events", customer, world)
        if event["name"] == wanted["name"]
        and all(
            _member_holds(event["properties"], one["property"], one)
            for one in wanted.get("where", [])
        )
    ]


def _events_within(leaf, customer, world):
    events = _events(leaf, customer, world)
    return [event for event in events if _inside(event["occurred_at"], leaf, world)]


def _event_count(leaf, customer, world):
    return _between(len(_events_within(leaf, customer, world)), leaf)


def _event_absent(leaf, customer, world):
    return not _events_within(leaf, customer, world)


def _event_first_or_last(leaf, customer, world):
    moments = [event["occurred_at"] for event in _events(leaf, customer, world)]
    edge = {"first": min, "last": max}[leaf["which"]]
    return bool(moments) and _inside(edge(moments), leaf, world)


def _event_figure(leaf, customer, world):
    texts = [
        _plain(json.loads(event["properties"]).get(leaf["property"]))
        for event in _events_within(leaf, customer, world)
    ]
    texts = [text for text in texts if text not in _MISSING]
    numbers = [number for number in map(_number, texts) if number is not None]
    bounds = {name: leaf[name] for name in ("at_least", "at_most") if leaf.get(name) is not None}
    in_parts = {name: _parts(bound) for name, bound in bounds.items()}
    if leaf["measure"] == "distinct":
        return _between(len(set(texts)), bounds)
    if leaf["measure"] == "sum":
        return _between(sum(map(_parts, numbers)), in_parts)
    if not numbers:
        return False
    if leaf["measure"] == "average":
        return _between(
            sum(map(_parts, numbers)), {n: b * len(numbers) for n, b in in_parts.items()}
        )
    return _between({"minimum": min, "maximum": max}[leaf["measure"]](numbers), bounds)


def _event_sequence(leaf, customer, world):
    wait = timedelta(hours=leaf["within_hours"])
    seconds = [event["occurred_at"] for event in _events(leaf["then"], customer, world)]
    firsts = [event["occurred_at"] for event in _events_within(leaf, customer, world)]
    if leaf.get("followed", True):
        return any(a < b <= a + wait for a in firsts for b in seconds)
    return any(
        a + wait < world["at"] and not any(a < b <= a + wait for b in seconds) for a in firsts
    )


def _order_recency(leaf, customer, world):
    orders = _happenings("orders", customer, world)
    if not orders:
        return False
    days = (world["at"] - max(order["occurred_at"] for order in orders)) / timedelta(days=1)
    return _between(days, {k.removesuffix("_days"): v for k, v in leaf.items()})


def _order_total(leaf, customer, world):
    orders = [
        order
        for order in _happenings("orders", customer, world)
        if _inside(order["occurred_at"], leaf, world)
    ]
    total = sum(_parts(order["value"]) for order in orders if order["value"] is not None)
    bounds = {name: _parts(leaf[name]) for name in ("at_least", "at_most") if name in leaf}
    return _between(total, bounds)


def _is_of(row, leaf, world, *, by_sku):
    (part,) = leaf.keys() & {"department", "category", "brand", "sku"}
    if part == "sku" or (part != "brand" and not by_sku):
        return row[part] == leaf[part]
    return any(p["sku"] == row["sku"] and p[part] == leaf[part] for p in world["products"])


def _lines(leaf, customer, world):
    lines = _happenings("order_lines", customer, world)
    return [line for line in lines if _is_of(line, leaf, world, by_sku=False)]


def _category_bought(leaf, customer, world):
    lines = _lines(leaf, customer, world)
    orders = {line["event_id"] for line in lines if _inside(line["occurred_at"], leaf, world)}
    return len(orders) >= leaf.get("at_least", 1)


def _category_lapsed(leaf, customer, world):
    lines = _lines(leaf, customer, world)
    enough = len({line["event_id"] for line in lines}) >= leaf.get("at_least", 1)
    return enough and not any(_inside(line["occurred_at"], leaf, world) for line in lines)


def _category_share(leaf, customer, world):
    def counted(lines):
        return sum(_inside(line["occurred_at"], leaf, world) for line in lines)

    such = counted(_lines(leaf, customer, world))
    return such > 0 and such * 100 >= leaf["at_least_percent"] * counted(
        _happenings("order_lines", customer, world)
    )


# Standing.


def _rows(table, customer, world):
    return [row for row in world[table] if row["customer_id"] == customer["id"]]


def _segment_member(leaf, customer, world):
    rows = _rows("memberships", customer, world)
    return any(row["segment"] == leaf["segment"] for row in rows)


def _stage_is(leaf, customer, world):
    return any(row["stage"] in leaf["one_of"] for row in _rows("stages", customer, world))


def _consent_granted(leaf, customer, world):
    entries = [
        row
        for row in _rows("consents", customer, world)
        if (row["channel"], row["purpose"]) == (leaf["channel"], leaf["purpose"])
        and row["recorded_at"] <= world["at"]
    ]
    if not entries:
        return False
    newest = max(entries, key=lambda row: (row["recorded_at"], not row["granted"]))
    return newest["granted"] and (
        newest["expires_at"] is None or newest["expires_at"] > world["at"]
    )


def _random_bucket(leaf, customer, _world):
    digest = hashlib.md5(f"{leaf['salt']}:{customer['id']}".encode()).hexdigest()
    percent = int(digest[:8], 16) % 10_000 / 100
    return leaf.get("from_percent", 0) <= percent < leaf["below_percent"]


def _score(column):
    def holds(leaf, customer, world):
        bound = leaf["value"] if column == "value" else leaf["percentile"]
        return any(
            row["scorer_key"] == leaf["scorer"] and _between(row[column], {leaf["operator"]: bound})
            for row in _rows("scores", customer, world)
        )

    return holds


def _score_class(leaf, customer, world):
    return any(
        row["scorer_key"] == leaf["scorer"] and row["value"] in leaf["classes"]
        for row in _rows("scores", customer, world)
    )


def _recommendation_contains(leaf, customer, world):
    return any(
        row["rank"] <= leaf.get("top", 10)
        and leaf.get("scorer") in (None, row["scorer_key"])
        and _is_of(row, leaf, world, by_sku=True)
        for row in _rows("recommendations", customer, world)
    )


def _coupon_has(leaf, customer, world):
    def state(row):
        over = row["state"] == "issued" and row["expires_at"] <= world["at"]
        return "expired" if over else row["state"]

    return any(
        state(row) == leaf["state"] and leaf.get("offer") in (None, row["offer"])
        for row in _rows("coupons", customer, world)
    )


LEAVES = {
    "attribute": _attribute,
    "category.bought": _category_bought,
    "category.lapsed": _category_lapsed,
    "category.share": _category_share,
    "consent.granted": _consent_granted,
    "coupon.has": _coupon_has,
    "date.near": _date_near,
    "event.absent": _event_absent,
    "event.count": _event_count,
    "event.figure": _event_figure,
    "event.first_or_last": _event_first_or_last,
    "event.sequence": _event_sequence,
    "identity.kind": _identity_kind,
    "location.near": _location_near,
    "order.recency": _order_recency,
    "order.total": _order_total,
    "random.bucket": _random_bucket,
    "recommendation.contains": _recommendation_contains,
    "score.class": _score_class,
    "score.percentile": _score("percentile"),
    "score.value": _score("value"),
    "segment.member": _segment_member,
    "stage.is": _stage_is,
}

"""Random conditions of every kind, and random rules of them."""

import hashlib
from datetime import timedelta
from functools import cache

from hypothesis import strategies as st

from tests.lifecycle_engine.segments.rules.worlds import (
    EMAILS,
    EVENTS,
    PARTS,
    PHONES,
    SCALARS,
    TEXTS,
    ZONES,
)

_NAMES = st.sampled_from(EVENTS)
_SALT = "june"
_DEPTH = 3
_DAYS = st.sampled_from([1, 2, 7, 30])
_SCALARS = st.sampled_from(SCALARS)
_WORDS = st.one_of(
    st.sampled_from(["a", "b", "5"]), st.sampled_from([text for text in TEXTS if text] + [","])
)
_ORDERED = _SCALARS.filter(lambda value: not isinstance(value, bool))


def _place(customer_id):
    """The customer's place in the split, in percent."""
    return int(hashlib.md5(f"{_SALT}:{customer_id}".encode()).hexdigest()[:8], 16) % 10_000 / 100


def _dict(optional=None, **fields):
    return st.fixed_dictionaries(
        {
            name: field if isinstance(field, st.SearchStrategy) else st.just(field)
            for name, field in fields.items()
        },
        optional=optional or {},
    )


def _merged(*parts):
    return st.tuples(*parts).map(lambda dicts: {k: v for one in dicts for k, v in one.items()})


def _bounds(low, high, names=("at_least", "at_most")):
    first, last = names
    return st.one_of(
        _dict(**{first: low}),
        _dict(**{last: high}),
        _dict(**{first: low, last: high}).filter(lambda both: both[first] <= both[last]),
    )


def _comparison(**fields):
    return st.one_of(
        _dict(**fields, operator=st.sampled_from(["is", "is_not"]), value=_SCALARS),
        _dict(**fields, operator=st.sampled_from(["at_least", "at_most"]), value=_ORDERED),
        _dict(
            **fields,
            operator=st.sampled_from(["contains", "starts_with", "includes"]),
            value=_WORDS,
        ),
        _dict(**fields, operator="one_of", value=st.lists(_SCALARS, min_size=1, max_size=3)),
        _dict(**fields, operator=st.sampled_from(["missing", "present"])),
    )


def _column():
    name = {"condition": "attribute", "field": "country"}
    countries = st.sampled_from(["DE", "FR", "D"])
    return st.one_of(
        _dict(
            **name,
            operator=st.sampled_from(["is", "is_not", "contains", "starts_with"]),
            value=countries,
        ),
        _dict(**name, operator="one_of", value=st.lists(countries, min_size=1, max_size=2)),
        _dict(**name, operator=st.sampled_from(["missing", "present"])),
    )


def _encrypted():
    def field(name, values):
        said = {"condition": "attribute", "field": name}
        one = st.sampled_from(values)
        return st.one_of(
            _dict(**said, operator=st.sampled_from(["is", "is_not"]), value=one),
            _dict(**said, operator="one_of", value=st.lists(one, min_size=1, max_size=2)),
            _dict(**said, operator=st.sampled_from(["missing", "present"])),
        )

    return st.one_of(field("email", EMAILS), field("phone", PHONES))


def _windows(at, *, some=False):
    days = [(at + timedelta(days=n)).date().isoformat() for n in (-30, -2, -1, 0)]
    zone = {"time_zone": st.sampled_from(ZONES)}
    calendar = st.one_of(
        _dict(zone, first_day=st.sampled_from(days)),
        _dict(zone, last_day=st.sampled_from(days)),
        st.tuples(st.sampled_from(days), st.sampled_from(days)).flatmap(
            lambda pair: _dict(zone, first_day=min(pair), last_day=max(pair))
        ),
    )
    back = st.one_of(
        _dict(days=_DAYS),
        _dict(days=st.just(30), skip_days=st.sampled_from([1, 2, 7])),
        _dict(skip_days=_DAYS),
    )
    return st.one_of(back, calendar) if some else st.one_of(st.just({}), back, back, calendar)


_WHERE = st.lists(_comparison(property=st.sampled_from(["a", "b"])), max_size=1)
_EVENT = _dict({"where": _WHERE}, name=_NAMES)
_PART = st.sampled_from([(kind, name) for kind, names in PARTS.items() for name in names]).map(
    lambda part: dict([part])
)
_FIGURES = st.sampled_from([-3, 0, 0.1, 1, 1.0002, 2, 3, 5, 5.25, 5.5, 10])


def _dates(at):
    offsets = [-366, -365, -31, -30, -8, -7, -1, 0, 1, 7, 30]
    pair = st.tuples(st.sampled_from(offsets), st.sampled_from(offsets)).filter(
        lambda two: two[0] <= two[1] <= two[0] + 366
    )
    fields = {
        "condition": "date.near",
        "field": st.sampled_from(["created_at", *["attributes.born"] * 3, "attributes.a"]),
    }
    zone = {"time_zone": st.sampled_from(["UTC", *ZONES])}
    both = pair.flatmap(
        lambda two: _dict(
            zone | {"yearly": st.booleans()}, **fields, from_days=two[0], to_days=two[1]
        )
    )
    seen = pair.flatmap(
        lambda two: _dict(
            zone,
            condition="date.near",
            field="created_at",
            yearly=True,
            from_days=two[0],
            to_days=two[1],
        )
    )
    near = {"from_days": st.sampled_from(offsets)}
    one = st.one_of(_dict(zone, **fields, **near), _dict(zone, **fields, to_days=near["from_days"]))
    created = [(at + timedelta(days=n)).strftime("%Y-%m-%dT00:00:00Z") for n in (-30, -7, 0)]
    moment = st.one_of(
        _dict(
            condition="attribute",
            field="created_at",
            operator=st.sampled_from(["at_least", "at_most"]),
            value=st.sampled_from(created),
        ),
        _dict(
            condition="attribute",
            field="created_at",
            operator=st.sampled_from(["present", "missing"]),
        ),
    )
    return both, one, seen, moment


#: The condition of each kind.
_KEYS = (
    *("attribute", "attribute", "attribute", "attribute"),
    *(
        "date.near",
        "date.near",
        "date.near",
        "identity.kind",
        "location.near",
        "event.count",
        "event.absent",
        "event.first_or_last",
        "event.figure",
    ),
    *("event.sequence", "order.recency", "order.total", "category.bought", "category.lapsed"),
    *("category.share", "segment.member", "stage.is", "consent.granted", "coupon.has"),
    *(
        "random.bucket",
        "random.bucket",
        "score.class",
        "score.value",
        "score.percentile",
        "recommendation.contains",
    ),
)


def kinds_of(at, key):
    """The strategies for one condition."""
    return [kind for kind, named in zip(kinds(at), _KEYS, strict=True) if named == key]


@cache
def kinds(at):
    """A strategy for each kind of condition, for rules evaluated at that moment."""
    window = _windows(at)
    both, one, seen, moment = _dates(at)
    attributes = st.sampled_from(["attributes.a", "attributes.b"])
    return (
        _column(),
        _comparison(condition="attribute", field=attributes),
        _encrypted(),
        moment,
        both,
        one,
        seen,
        _dict(
            condition="identity.kind",
            kind=st.sampled_from(["known", "anonymous", "email", "phone"]),
        ),
        _dict(
            condition="location.near",
            latitude=st.sampled_from([52.5, -52.4, 0]),
            longitude=st.sampled_from([13.4, 179.95, 0]),
            kilometres=st.sampled_from([1, 30, 900, 7001.5, 20000]),
        ),
        *_event_kinds(window, at),
        *_order_kinds(window),
        *_standing_kinds(),
    )


def _event_kinds(window, at):
    def event(key, *parts, **fields):
        return _merged(_dict(condition=key, **fields), _EVENT, window, *parts)

    return (
        event("event.count", _bounds(st.integers(1, 4), st.integers(0, 4))),
        event("event.absent"),
        _merged(
            _dict(condition="event.first_or_last", which=st.sampled_from(["first", "last"])),
            _EVENT,
            _windows(at, some=True),
        ),
        event(
            "event.figure",
            _bounds(_FIGURES, _FIGURES),
            property=st.sampled_from(["a", "b"]),
            measure=st.sampled_from(["sum", "average", "minimum", "maximum", "distinct"]),
        ),
        event(
            "event.sequence",
            _dict({"followed": st.booleans()}),
            then=_EVENT,
            within_hours=st.sampled_from([1, 24, 120, 144]),
        ),
    )


def _order_kinds(window):
    several = {"at_least": st.integers(1, 3)}
    return (
        _merged(
            _dict(condition="order.recency"),
            _bounds(_DAYS, _DAYS, ("at_least_days", "at_most_days")),
        ),
        _merged(
            _dict(condition="order.total"),
            window,
            _bounds(st.sampled_from([0.1, 0.3, 10, 20.6]), st.sampled_from([-5, 0, 0.3, 10])),
        ),
        _merged(_dict(several, condition="category.bought"), _PART, window),
        _merged(_dict(several, condition="category.lapsed", days=_DAYS), _PART),
        _merged(
            _dict(
                condition="category.share", at_least_percent=st.sampled_from([1, 25, 33.4, 50, 100])
            ),
            _PART,
            window,
        ),
    )


def _standing_kinds():
    scorer = st.sampled_from(["churn.risk", "value.spend_30d"])
    compared = {"scorer": scorer, "operator": st.sampled_from(["at_least", "at_most"])}
    return (
        _dict(condition="segment.member", segment="vips"),
        _dict(
            condition="stage.is",
            one_of=st.sampled_from([["loyal"], ["loyal", "lapsed"], ["prospect"]]),
        ),
        _dict(
            condition="consent.granted",
            channel=st.sampled_from(["email", ""]),
            purpose=st.sampled_from(["marketing", "profiling"]),
        ),
        _dict(
            {"offer": st.sampled_from(["spring", "never"])},
            condition="coupon.has",
            state=st.sampled_from(["issued", "redeemed", "expired"]),
        ),
        # The slices begin and end at a customer's own place.
        _dict(
            {"from_percent": st.sampled_from([0.01, _place(3), _place(4)])},
            condition="random.bucket",
            salt=_SALT,
            below_percent=st.sampled_from([99, 99.99]),
        ),
        _dict(
            condition="random.bucket",
            salt=_SALT,
            below_percent=st.sampled_from([_place(5), _place(6), 0.5]),
        ),
        _dict(
            condition="score.class",
            scorer=st.just("persona.behaviour"),
            classes=st.sampled_from([[0], [1], [0, 1], [7]]),
        ),
        _dict(condition="score.value", value=st.sampled_from([0, 0.5, 1]), **compared),
        _dict(condition="score.percentile", percentile=st.sampled_from([0, 50, 90]), **compared),
        _merged(
            _dict(
                {
                    "scorer": st.just("recommender.next_products"),
                    "top": st.sampled_from([1, 2, 11]),
                },
                condition="recommendation.contains",
            ),
            _PART,
        ),
    )


@cache
def nodes(at):
    """Rules of conditions in nested groups, some of which are empty."""
    leaf = st.one_of(kinds(at))
    inside = leaf
    for _depth in range(_DEPTH):
        inside = _either(leaf, _groups(inside))
    return inside


def _either(leaf, group):
    """One as often as the other; ``one_of`` would take each kind of leaf as often as a group."""
    return st.booleans().flatmap(lambda grouped: group if grouped else leaf)


def _groups(inside):
    return st.sampled_from(["all", "any", "none"]).flatmap(
        lambda kind: st.lists(inside, max_size=3).map(lambda nodes: {kind: nodes})
    )

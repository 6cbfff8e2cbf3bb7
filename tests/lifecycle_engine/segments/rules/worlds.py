"""Random data for rules: small, and full of values on both sides of every edge."""

import json
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lifecycle_engine.customers.rows import ENCRYPTED_TRAITS
from tests.factories.segments import customer_row

#: The moments that rules are evaluated at: also around leap days, and far from midnight.
MOMENTS = (
    datetime(2017, 12, 1, tzinfo=UTC),
    datetime(2018, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2016, 2, 29, tzinfo=UTC),
    datetime(2017, 3, 26, 12, tzinfo=UTC),
)
ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Auckland")
CUSTOMERS = range(1, 51)
#: Customers with events of their own only, nothing of which is random.
PLAIN = (51, 52)
#: What attributes and properties may hold; texts that read as numbers in some engine, too.
TEXTS = (
    *(
        "a",
        "b",
        "ab",
        "A",
        "",
        "5",
        "5.5",
        " 5",
        "1_000",
        "inf",
        ".5",
        "1e1",
        "-3",
        "1e400",
        "true",
    ),
    *("ä", "日本", "%", "a_b", "O'x", '"q"', "\\", "null", "😀", "true", "[x", "b{["),
    # A number of as many characters as one may have, and of one more.
    *("0" * 49 + "5", "0" * 50 + "5"),
)
SCALARS = (*TEXTS, 5, -3, 5.5, 0.1, 7, True, False)
#: A number that three of come to more, rounded one by one, than rounded together.
UNEVEN = 0.33337
VALUES = (*SCALARS, None, None, ["a", "b"], ["5", 5, None], [], [","], {"k": 1})
EVENTS = ("Product Viewed", "Order Completed")
EMAILS = ("ann@example.org", "bob@example.org")
PHONES = ("+4930123", "+33145")
PARTS = {
    "department": ("DELI", "PASTRY"),
    "category": ("Cake", "Bread"),
    "brand": ("Acme", "Own"),
    "sku": ("s1", "s2", "s3"),
}
#: A longitude that is a little less than 900 km from 13.4, at 52.5 degrees north.
NEAR_EDGE = 26.7135
_TICK = timedelta(microseconds=1)
_DAYS = (0, 1, 2, 7, 30)


def world(seed):
    """Rows by table, and ``at``.

    Drawn with a seed: to draw hundreds of rows one by one through hypothesis takes seconds.
    """
    rng = random.Random(seed)
    at = MOMENTS[seed % len(MOMENTS)]
    return {"at": at, "customers": _customers(rng, at), **_happened(rng, at), **_standing(rng, at)}


def moments(at):
    """Edges of windows by age and by calendar, and what is a tick beside them."""
    edges = [at - timedelta(days=days) for days in _DAYS]
    for zone in ("UTC", *ZONES):
        day = (at - timedelta(days=1)).astimezone(ZoneInfo(zone))
        edges.append(day.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC))
    beside = [edge + step for edge in edges for step in (-_TICK, timedelta(0), _TICK)]
    return [*beside, at + timedelta(days=1), at - timedelta(days=12), at - timedelta(days=400)]


def _rows(rng, most, **columns):
    named = {"customer_id": [*CUSTOMERS, 999, None], **columns}
    return [
        {name: rng.choice(values) for name, values in named.items()}
        for _row in range(rng.randint(most // 2, most))
    ]


def _members(rng):
    return {name: rng.choice(VALUES) for name in "ab" if rng.random() < 0.85}


def _customers(rng, at):
    dates = [None, "", "x", "2017-13-01", "1990-12-1", "1988-02-29", "1987-02-28", "1987-03-01"]
    yearly = ["1988-02-29", "1987-02-28", "1987-03-01", "2016-02-29"]
    for days in (-366, -365, -31, -30, -8, -7, -1, 0, 0, 1, 1, 7, 8, 30, 31, 365):
        near = (at + timedelta(days=days)).date()
        dates += [near.isoformat(), f"{near.isoformat()}T10:00:00Z", f"{near.isoformat()}x"]
        yearly += [f"{near.year - years}{near.isoformat()[4:]}" for years in (0, 1, 20)]
        yearly.append(f"{near.year - 20}{near.isoformat()[4:]} 10:00")
    seen = [
        *(datetime(2012, 2, day, 12, tzinfo=UTC) for day in (28, 28, 29, 29, 29)),
        *(datetime(2013, month, 1, tzinfo=UTC) for month in (3, 3, 4)),
        *moments(at),
        *(moment - timedelta(days=days) for moment in moments(at) for days in (365, 366, 730)),
    ]
    degrees = [None, 0, 52.5, "52.5", -52.5, 13.4, 90.0, 91, 179.9, -179.9, "x"]
    certain = _certain(at)

    def one(customer_id):
        said = _members(rng) | {
            "born": rng.choice(dates if rng.random() < 0.4 else yearly),
            "latitude": rng.choice(degrees),
            "longitude": rng.choice(degrees),
        }
        email, phone = (rng.choice([*values, "", None]) for values in (EMAILS, PHONES))
        row = {
            "external_id": rng.choice([f"c{customer_id}", "", None]),
            "country": rng.choice(["DE", "FR", "DEU", "", None]),
            "created_at": rng.choice(seen),
        }
        for name, values in certain.items():
            if customer_id <= len(values):
                (row if name in row else said)[name] = values[customer_id - 1]
        # The plain ones are for the reference, the hashes for the engines.
        return customer_row(
            customer_id,
            **row,
            email=email,
            phone=phone,
            email_hash=email and ENCRYPTED_TRAITS["email"](email),
            phone_hash=phone and ENCRYPTED_TRAITS["phone"](phone),
            attributes=said,
        )

    return [one(customer_id) for customer_id in (*CUSTOMERS, *PLAIN)]


def _certain(at):
    """What no world may lack: values by column, of as many customers, beginning with the first."""
    today = at.date()
    tomorrow = today + timedelta(days=1)
    midnights = [
        datetime.combine(today + timedelta(days=days), datetime.min.time(), UTC)
        for days in (-30, -7, 0)
    ]
    places = [
        *((52.5, 13.4), (90.5, 13.4), (-90.5, 13.4), (52.5, 180.5), (52.5, -180.5), (-52.4, 180)),
        *((0, 0), (90, 0), (-90, 0), (0, 180), (0, -180), (52.5, NEAR_EDGE), (52.5, 12.5)),
    ]
    return {
        "created_at": [
            *(midnight + step for midnight in midnights for step in (-_TICK, timedelta(0), _TICK)),
            at.replace(year=1970, day=min(at.day, 28)),
            *(datetime(2012, 2, day, 12, tzinfo=UTC) for day in (27, 28, 29)),
            *(datetime(year, 3, 1, 12, tzinfo=UTC) for year in (2012, 2013)),
        ],
        "a": ["ab", "ba", "b", "5.5", "15"],
        "born": [
            f"x{today}",
            f"{today}x",
            *(f"{day.year - 19}{day.isoformat()[4:]}" for day in (today, tomorrow)),
            *("1988-02-28", "1988-02-29", "1988-03-01", "1987-02-28", "1987-03-01"),
        ],
        "latitude": [north for north, _east in places],
        "longitude": [east for _north, east in places],
    }


def _happened(rng, at):
    times = moments(at)
    return {
        "events": [
            event | {"properties": json.dumps(_members(rng), ensure_ascii=rng.random() < 0.5)}
            for event in _rows(rng, 320, name=EVENTS, occurred_at=times)
        ]
        + _plain_events(at),
        "orders": _rows(rng, 90, occurred_at=times, value=[0.1, 0.2, 0.3, 10.0, -5.0, None]),
        "order_lines": _rows(
            rng,
            200,
            event_id=list("xyz"),
            occurred_at=times,
            sku=[*PARTS["sku"], "gone"],
            department=[*PARTS["department"], None],
            category=[*PARTS["category"], None],
        ),
        "products": [
            {
                "sku": sku,
                **{kind: rng.choice([*PARTS[kind], None]) for kind in PARTS if kind != "sku"},
            }
            for sku in PARTS["sku"]
        ],
    }


def _plain_events(at):
    said = ({"a": UNEVEN, "b": "ab"}, {"a": 5, "b": 5.5})
    return [
        {
            "customer_id": customer_id,
            "name": name,
            "occurred_at": at - timedelta(hours=hours),
            "properties": json.dumps(properties),
        }
        for customer_id, properties in zip(PLAIN, said, strict=True)
        for name in EVENTS
        for hours in (1, 2, 3)
    ]


def _standing(rng, at):
    times = [*moments(at), at + timedelta(days=9)]
    by_rank = {(r["customer_id"], r["rank"]): r for r in _recommended(rng)}
    return {
        "memberships": _rows(rng, 40, segment=["vips", "others"]),
        "stages": _rows(rng, 40, stage=["loyal", "lapsed"]),
        "consents": _ledger(
            _both_said(at)
            + _rows(
                rng,
                200,
                channel=["email", ""],
                purpose=["marketing", "profiling"],
                granted=[True, True, False],
                recorded_at=times,
                expires_at=[None, None, None, *times],
            )
        ),
        "scores": _rows(
            rng,
            60,
            scorer_key=["churn.risk", "value.spend_30d", "persona.behaviour"],
            value=[0.0, 0.5, 0.50001, 1.0, None],
            percentile=[0.0, 50.0, 90.0, 100.0, None],
        ),
        "recommendations": list(by_rank.values()),
        "coupons": [
            *_rows(
                rng,
                80,
                offer=["spring", "autumn"],
                state=["issued", "redeemed", "expired"],
                expires_at=times,
            ),
            # The only one of its customer, and over at this very moment.
            {"customer_id": PLAIN[0], "offer": "spring", "state": "issued", "expires_at": at},
        ],
    }


def _both_said(at):
    """A yes and a no of one moment, of every channel and purpose."""
    return [
        {
            "customer_id": PLAIN[0],
            "channel": channel,
            "purpose": purpose,
            "granted": granted,
            "recorded_at": at - timedelta(hours=1),
            "expires_at": None,
        }
        for channel in ("email", "")
        for purpose in ("marketing", "profiling")
        for granted in (True, False)
    ]


def _recommended(rng):
    return _rows(
        rng,
        60,
        scorer_key=["recommender.next_products", "recommender.other"],
        rank=[1, 2, 3, 10, 11],
        sku=[*PARTS["sku"], "gone"],
    )


def _ledger(entries):
    """The ledger has one yes and one no at a time."""
    names = ("customer_id", "channel", "purpose", "recorded_at", "granted")
    return list({tuple(entry[name] for name in names): entry for entry in entries}.values())

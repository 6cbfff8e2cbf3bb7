"""Each gate by itself, exactly, and their order."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.gates.address import address
from campaigns.gates.blast_radius import blast_radius_exceeded
from campaigns.gates.budget import budget
from campaigns.gates.chain import verdict
from campaigns.gates.consent import consent
from campaigns.gates.eligibility import eligibility
from campaigns.gates.facts import Facts, Verdict
from campaigns.gates.frequency_cap import frequency_cap
from campaigns.gates.holdout import holdout, holdout_arm, holdout_position
from campaigns.gates.quiet_hours import quiet_hours, quiet_until
from campaigns.gates.suppression import suppression
from campaigns.journeys import Policy, QuietHours
from campaigns.models import Arm, Outcome
from lifecycle_engine.sdk.actions import ActionOutcome

NOON = datetime(2017, 12, 1, 12, tzinfo=UTC)
PLAIN = Policy()
REACHABLE = Facts(consented=True, address="ada@example.com")
NIGHT = {"start": "21:00", "end": "08:00"}


def test_holdout_stops_the_journey():
    found = holdout(Facts(arm=Arm.HOLDOUT), PLAIN, NOON)
    assert found == Verdict("holdout", Outcome.HELD_OUT, stops=True)
    assert holdout(Facts(arm=Arm.TREATED), PLAIN, NOON) is None


def test_consent_must_be_given():
    assert consent(Facts(), PLAIN, NOON) == Verdict("consent", Outcome.NO_CONSENT)
    assert consent(REACHABLE, PLAIN, NOON) is None


def test_suppressed_addresses_are_left_alone():
    assert suppression(Facts(suppressed=True), PLAIN, NOON) == Verdict(
        "suppression", Outcome.SUPPRESSED
    )
    assert suppression(REACHABLE, PLAIN, NOON) is None


@pytest.mark.parametrize("nowhere", ["", "   "])
def test_an_address_is_needed(nowhere):
    assert address(Facts(address=nowhere), PLAIN, NOON) == Verdict("address", Outcome.NO_ADDRESS)
    assert address(REACHABLE, PLAIN, NOON) is None


@pytest.mark.parametrize(("recent", "capped"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_cap_is_a_number_of_messages(recent, capped):
    policy = Policy.model_validate({"frequency_cap": {"messages": 2, "days": 7}})
    found = frequency_cap(Facts(recent_messages=recent), policy, NOON)
    assert found == (Verdict("frequency_cap", Outcome.CAPPED) if capped else None)


def test_no_cap_means_no_cap():
    assert frequency_cap(Facts(recent_messages=1000), PLAIN, NOON) is None


def test_leaving_the_audience_only_counts_where_the_policy_says_so():
    gone = Facts(in_segment=False)
    assert eligibility(gone, PLAIN, NOON) is None
    assert eligibility(gone, Policy(stay_in_segment=True), NOON) == Verdict(
        "eligibility", Outcome.NOT_ELIGIBLE, stops=True
    )
    assert eligibility(Facts(), Policy(stay_in_segment=True), NOON) is None


def test_a_refused_budget_ends_the_journey_of_a_required_action_only():
    refusal = ActionOutcome.refused(gate="budget")
    assert budget(refusal, required=True) == Verdict("budget", Outcome.OVER_BUDGET, stops=True)
    assert budget(refusal, required=False) == Verdict("budget", Outcome.OVER_BUDGET)
    assert budget(ActionOutcome.refused(gate="stock"), required=True) == Verdict(
        "stock", Outcome.NOT_ELIGIBLE, stops=True
    )
    assert budget(ActionOutcome.acted(), required=True) is None


@pytest.mark.parametrize(
    ("audience", "approved", "growth", "exceeded"),
    [(200, 100, 2, False), (201, 100, 2, True), (10**6, 1, None, False), (1, 0, 2, True)],
)
def test_blast_radius(audience, approved, growth, exceeded):
    assert blast_radius_exceeded(audience=audience, approved=approved, growth=growth) is exceeded


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("", NOON, None),
        ("Asia/Tokyo", NOON, datetime(2017, 12, 1, 23, tzinfo=UTC)),  # 21:00 there
        ("America/New_York", NOON, datetime(2017, 12, 1, 13, tzinfo=UTC)),  # 07:00 there
        ("No/Where", NOON, None),  # The policy's zone, which is UTC.
    ],
)
def test_quiet_hours_wait_for_the_customers_own_morning(zone, at, until):
    found = quiet_hours(Facts(time_zone=zone), Policy.model_validate({"quiet_hours": NIGHT}), at)
    wanted = Verdict("quiet_hours", Outcome.DEFERRED, until=until) if until else None
    assert found == wanted


def test_quiet_hours_that_end_in_a_gap_end_at_the_jump():
    # Berlin, 2017-03-26: 02:30 doesn't exist, the clock goes from 02:00 to 03:00 at 01:00 UTC.
    found = quiet_until(
        hours=QuietHours(start=time(22), end=time(2, 30)),
        zone=ZoneInfo("Europe/Berlin"),
        at=datetime(2017, 3, 26, 0, 30, tzinfo=UTC),
    )
    assert found == datetime(2017, 3, 26, 1, tzinfo=UTC)


def test_quiet_hours_that_come_back_when_the_clock_is_set_back_end_the_second_time():
    # Berlin, 2017-10-29: 02:10 for the second time, after a first 02:30.
    found = quiet_until(
        hours=QuietHours(start=time(22), end=time(2, 30)),
        zone=ZoneInfo("Europe/Berlin"),
        at=datetime(2017, 10, 29, 1, 10, tzinfo=UTC),
    )
    assert found == datetime(2017, 10, 29, 1, 30, tzinfo=UTC)


@given(
    start=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
    end=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "Pacific/Apia", "Pacific/Kiritimati", "America/St_Johns"]
    ),
    at=st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis adds the zone)
)
@settings(max_examples=300)
def test_a_deferral_ends_outside_quiet_hours_and_within_a_day(start, end, zone, at):
    if start == end:
        return
    hours, clock = QuietHours(start=start, end=end), ZoneInfo(zone)
    until = quiet_until(hours=hours, zone=clock, at=at)
    if until is not None:
        assert at < until <= at + timedelta(hours=26)
        assert quiet_until(hours=hours, zone=clock, at=until) is None


def test_the_first_gate_that_stops_is_the_one_named():
    everything = Facts(arm=Arm.HOLDOUT, suppressed=True, in_segment=False)
    assert verdict(facts=everything, policy=PLAIN, at=NOON, message=True).gate == "holdout"
    assert verdict(facts=Facts(), policy=PLAIN, at=NOON, message=True).gate == "consent"
    assert verdict(facts=Facts(), policy=PLAIN, at=NOON, message=False) is None
    assert verdict(facts=REACHABLE, policy=PLAIN, at=NOON, message=True) is None


def test_whoever_would_be_refused_is_not_deferred():
    policy = Policy.model_validate(
        {"quiet_hours": NIGHT, "frequency_cap": {"messages": 1, "days": 1}}
    )
    midnight = NOON.replace(hour=0)
    facts = Facts(consented=True, address="a@example.com", recent_messages=1)
    assert verdict(facts=facts, policy=policy, at=midnight, message=True).gate == "frequency_cap"


@given(campaign_key=st.text(min_size=1, max_size=20), customer_id=st.integers(1, 2**62))
def test_the_draw_is_always_the_same_and_in_range(campaign_key, customer_id):
    if any("\ud800" <= letter <= "\udfff" for letter in campaign_key):
        return
    first = holdout_position(campaign_key=campaign_key, customer_id=customer_id)
    assert first == holdout_position(campaign_key=campaign_key, customer_id=customer_id)
    assert 0 <= first < 1


@given(campaign_key=st.from_regex(r"\A[a-z]{1,12}\Z"), share=st.floats(0.02, 0.5))
@settings(max_examples=20)
def test_the_share_held_out_is_the_share_asked_for(campaign_key, share):
    size = 5000
    held = sum(
        holdout_arm(campaign_key=campaign_key, customer_id=n, share=share) == Arm.HOLDOUT
        for n in range(1, size + 1)
    )
    # Five standard errors of a binomial: a false alarm once in two million draws.
    assert abs(held / size - share) < 5 * (share * (1 - share) / size) ** 0.5


def test_campaigns_draw_apart():
    arms = {
        key: [holdout_arm(campaign_key=key, customer_id=n, share=0.5) for n in range(1000)]
        for key in ("one", "two")
    }
    same = sum(a == b for a, b in zip(arms["one"], arms["two"], strict=True))
    assert 400 < same < 600


def test_nobody_is_held_out_at_a_share_of_zero():
    assert all(
        holdout_arm(campaign_key="k", customer_id=n, share=0) == Arm.TREATED for n in range(1000)
    )

"""Searching for lookalikes: one result however often begun, refusals, and the segment made."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.models import JobRun
from lifecycle_engine.customers.erasure import customer_erase
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.scoring.errors import LookalikeError
from lifecycle_engine.scoring.lookalike_models import Lookalike, LookalikeCustomer
from lifecycle_engine.scoring.lookalikes import running
from lifecycle_engine.scoring.lookalikes.results import Result
from lifecycle_engine.scoring.lookalikes.running import lookalike_run, lookalikes_run
from lifecycle_engine.scoring.lookalikes.services import lookalike_audience, lookalike_start
from lifecycle_engine.segments.models import Membership, Segment
from lifecycle_engine.segments.selectors import segment_member_ids
from tests.factories.segments import NOW, SegmentFactory

pytestmark = pytest.mark.django_db(transaction=True)


def started(segment):
    return lookalike_start(segment=segment, at=NOW, by="anna")


def ready(segment):
    return lookalike_run(lookalike_id=started(segment).pk)


def chosen(run, size, name="Like night owls"):
    return lookalike_audience(lookalike_id=run.pk, size=size, name=name, at=NOW, by="anna")


def ranking_of(run):
    rows = run.customers.order_by("rank").values_list("rank", "customer_id")
    assert [rank for rank, _ in rows] == list(range(1, len(rows) + 1))
    return [customer_id for _, customer_id in rows]


def objection(customer_id):
    Consent.objects.create(
        customer_id=customer_id,
        purpose="profiling",
        channel="",
        granted=False,
        source="test",
        recorded_at=NOW - timedelta(days=1),
    )


def test_a_search_ranks_everybody_outside_the_segment(seed):
    members = set(segment_member_ids(segment_id=seed.pk).tolist())

    run = ready(seed)

    ids = ranking_of(run)
    assert (run.state, run.seeds, run.others) == ("ready", len(members), 1_200 - len(members))
    assert len(ids) == run.others == run.ranked
    assert not members & set(ids)
    of_their_kind = len(set(ids[:60]) & seed.kind_ids) / 60
    assert of_their_kind > 3 * len(seed.kind_ids - members) / run.others
    result = Result.read(run.result)
    assert result.verdict == run.verdict == "better"
    assert {trait.name for trait in result.traits} == {"products_90d", "night_share_90d"}
    job = JobRun.objects.get(name="scoring.lookalike")
    assert (job.subject, job.state, job.done, job.total) == (str(run.pk), "succeeded", 5, 5)


def test_asking_again_while_one_is_under_way_gives_the_same(seed):
    first = started(seed)

    assert started(seed).pk == first.pk
    lookalike_run(lookalike_id=first.pk)
    assert started(seed).pk != first.pk
    with pytest.raises(IntegrityError, match="lookalike_one_under_way"), transaction.atomic():
        Lookalike.objects.create(segment=seed, as_of=NOW)


def test_two_who_ask_at_once_get_one(seed):
    found, barrier = [], threading.Barrier(2)

    def ask():
        barrier.wait()
        found.append(started(seed).pk)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert len(found) == 2
    assert found[0] == found[1] == Lookalike.objects.get().pk


def test_a_search_that_is_over_is_not_run_again(seed):
    run = ready(seed)
    before = ranking_of(run)

    again = lookalike_run(lookalike_id=run.pk)
    lookalikes_run()

    assert (again.attempts, again.finished_at) == (1, run.finished_at)
    assert ranking_of(run) == before


@pytest.mark.parametrize("where", ["_people", "places_find", "copy_arrow", "_finish"])
def test_a_search_that_was_killed_is_begun_again_and_comes_to_the_same(seed, monkeypatch, where):
    other = started(seed)
    expected = ranking_of(lookalike_run(lookalike_id=other.pk))
    Lookalike.objects.filter(pk=other.pk).delete()
    run = Lookalike.objects.create(pk=other.pk, segment=seed, as_of=NOW)

    def killed(*args, **kwargs):
        raise SystemExit(9)

    # _finish comes after the result was committed.
    target = "lifecycle_engine.core.jobs" if where == "_finish" else running.__name__
    with monkeypatch.context() as patch:
        patch.setattr(f"{target}.{where}", killed)
        with pytest.raises(SystemExit):
            lookalike_run(lookalike_id=run.pk)
    between = Lookalike.objects.get(pk=run.pk)
    assert (between.state, between.customers.exists()) == (
        ("ready", True) if where == "_finish" else ("running", False)
    )

    lookalikes_run()

    run.refresh_from_db()
    assert run.state == "ready"
    assert ranking_of(run) == expected
    assert LookalikeCustomer.objects.count() == len(expected)


def test_a_search_that_somebody_is_at_is_left_to_them(seed):
    run = started(seed)
    with advisory_lock(f"scoring.lookalike:{run.pk}"):
        found = []

        def other():
            found.append(lookalike_run(lookalike_id=run.pk).state)
            connection.close()

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=20)

    assert found == ["queued"]


def test_a_search_that_kills_its_worker_is_given_up(seed, monkeypatch):
    run = started(seed)
    monkeypatch.setattr(running, "_search", lambda run, job: (_ for _ in ()).throw(SystemExit(9)))
    for _ in range(3):
        with pytest.raises(SystemExit):
            lookalikes_run()

    lookalikes_run()

    run.refresh_from_db()
    assert (run.state, run.attempts) == ("failed", 3)
    assert "was started 3 times" in run.error


def test_an_error_is_kept_and_an_absent_database_is_not_one(seed, monkeypatch):
    first = started(seed)
    errors = [ValueError("odd"), OperationalError("x")]
    monkeypatch.setattr(running, "_people", lambda *_: (_ for _ in ()).throw(errors.pop()))
    with pytest.raises(OperationalError):
        lookalikes_run()
    first.refresh_from_db()
    assert first.state == "running"
    with pytest.raises(ValueError, match="odd"):
        lookalikes_run()

    first.refresh_from_db()
    assert (first.state, first.error) == ("failed", "ValueError: odd")
    assert started(seed).pk != first.pk


def test_a_seed_that_is_too_small_is_refused_with_the_numbers(seed):
    extra = seed.memberships.order_by("pk").values_list("pk", flat=True)[99:]
    Membership.objects.filter(pk__in=list(extra)).delete()

    run = ready(seed)

    assert (run.state, run.reason, run.seeds) == ("refused", "seeds_few", 99)
    assert run.get_reason_display() == "The segment is too small to learn from."
    assert not run.customers.exists()
    assert JobRun.objects.get().state == "succeeded"


def test_a_seed_of_nearly_everybody_is_refused(seed):
    seed.memberships.all().delete()
    everybody = Customer.objects.order_by("pk").values_list("pk", flat=True)
    Membership.objects.bulk_create(
        Membership(segment=seed, customer_id=pk, joined_at=NOW) for pk in everybody[: 1_200 - 99]
    )

    run = ready(seed)

    assert (run.state, run.reason, run.others) == ("refused", "others_few", 99)


def test_a_segment_that_was_never_computed_is_refused_and_an_archived_one_at_once(seed):
    Segment.objects.filter(pk=seed.pk).update(size=None)
    assert ready(seed).reason == "not_computed"

    with pytest.raises(LookalikeError, match="archived"):
        started(SegmentFactory(state="archived"))
    assert Lookalike.objects.count() == 1


def test_who_objects_to_profiling_is_neither_learned_from_nor_ranked(seed):
    members = segment_member_ids(segment_id=seed.pk).tolist()
    outside = sorted(seed.kind_ids - set(members))
    objection(members[0])
    objection(outside[0])

    run = ready(seed)

    assert (run.seeds, run.others) == (len(members) - 1, 1_200 - len(members) - 1)
    assert outside[0] not in ranking_of(run)


def test_no_more_places_are_kept_than_may_be(seed, monkeypatch):
    monkeypatch.setattr(running, "RANKED_AT_MOST", 50)

    run = ready(seed)

    assert (run.ranked, len(ranking_of(run))) == (50, 50)
    assert run.others > 50


def test_a_newer_ranking_takes_the_place_of_one_that_nothing_was_made_of(seed):
    first, second = ready(seed), ready(seed)
    segment = chosen(second, 20)
    third = ready(seed)

    assert not first.customers.exists()
    assert Result.read(first.result).points
    assert second.customers.exists()
    assert third.customers.exists()
    assert segment.size == 20
    with pytest.raises(LookalikeError, match="no longer kept"):
        chosen(first, 20)


def test_the_first_customers_become_a_segment_by_list(seed):
    run = ready(seed)

    segment = chosen(run, 40)

    assert (segment.key, segment.name, segment.kind) == (
        f"night-like-{run.pk}",
        "Like night owls",
        "static",
    )
    assert segment.size == 40
    assert set(segment_member_ids(segment_id=segment.pk)) == set(ranking_of(run)[:40])
    run.refresh_from_db()
    assert (run.audience_id, run.size) == (segment.pk, 40)


def test_another_size_changes_the_same_segment(seed):
    run = ready(seed)
    first = chosen(run, 40)

    second = chosen(run, 25, name="Fewer")

    assert (second.pk, second.size, second.name) == (first.pk, 25, "Fewer")
    assert set(segment_member_ids(segment_id=second.pk)) == set(ranking_of(run)[:25])


def test_two_who_choose_at_once_make_one_segment(seed):
    run = ready(seed)
    sizes, barrier = [], threading.Barrier(2)

    def choose(size):
        barrier.wait()
        sizes.append(chosen(run, size).size)
        connection.close()

    threads = [threading.Thread(target=choose, args=[size]) for size in (10, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert sorted(sizes) == [10, 30]
    made = Segment.objects.exclude(pk=seed.pk).get()
    run.refresh_from_db()
    assert made.size == run.size == made.memberships.count()


def test_a_choice_that_is_cut_short_leaves_no_segment(seed, monkeypatch):
    run = ready(seed)
    monkeypatch.setattr(
        "lifecycle_engine.scoring.lookalikes.services.list_replace",
        lambda **_: (_ for _ in ()).throw(SystemExit(9)),
    )

    with pytest.raises(SystemExit):
        chosen(run, 40)

    run.refresh_from_db()
    assert (run.audience_id, run.size) == (None, None)
    assert Segment.objects.get() == seed


def test_who_may_not_be_chosen_any_more_is_passed_over(seed):
    run = ready(seed)
    first, second, third, fourth = ranking_of(run)[:4]
    objection(first)
    Membership.objects.create(segment=seed, customer_id=second, joined_at=NOW)
    customer_erase(customer_id=third, actor="anna", reason="asked", at=NOW)

    segment = chosen(run, 1)

    assert segment_member_ids(segment_id=segment.pk).tolist() == [fourth]


def test_an_erased_customer_is_in_no_ranking(seed):
    run = ready(seed)
    customer_id = ranking_of(run)[0]

    customer_erase(customer_id=customer_id, actor="anna", reason="asked", at=NOW)

    assert not LookalikeCustomer.objects.filter(customer_id=customer_id).exists()
    assert run.customers.count() == run.ranked - 1


def test_who_is_erased_while_the_search_runs_is_not_kept(seed, monkeypatch):
    run = started(seed)
    keep, erased = running._keep, []

    def erase_first(run, found):
        erased.append(int(found.customer_ids[0]))
        customer_erase(customer_id=erased[0], actor="anna", reason="asked", at=NOW)
        keep(run, found)

    monkeypatch.setattr(running, "_keep", erase_first)
    lookalike_run(lookalike_id=run.pk)

    assert erased[0] not in ranking_of(run)


def test_a_size_beyond_the_ranking_is_refused(seed):
    run = ready(seed)

    for size in (0, -1, 10**6):
        with pytest.raises(LookalikeError, match=f"between 1 and {run.ranked}; it is {size}"):
            chosen(run, size)
    assert Segment.objects.get() == seed


def test_no_segment_is_made_of_what_is_no_better_than_chance(seed):
    run = ready(seed)
    Lookalike.objects.filter(pk=run.pk).update(verdict="chance")

    with pytest.raises(LookalikeError, match="no better than chance"):
        chosen(run, 10)
    with pytest.raises(LookalikeError, match="in this state: Queued"):
        chosen(started(seed), 10)

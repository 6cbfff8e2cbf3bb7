"""Drafts: trees, steps, revisions, and publishing."""

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.segments import drafts
from lifecycle_engine.segments.draft_models import SegmentDraft, SegmentVersion
from lifecycle_engine.segments.drafts_check import rule_place, rule_problems
from lifecycle_engine.segments.drafts_tree import (
    TreeError,
    group_kind,
    group_unwrap,
    node_add,
    node_duplicate,
    node_move,
    node_remove,
    node_wrap,
    nodes_walk,
)
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.services import segment_save
from tests.factories.segments import SegmentFactory, country_rule


def leaf(country):
    return country_rule(country)["rule"]["all"][0]


A, B, C = leaf("A"), leaf("B"), leaf("C")
LEAVES = st.sampled_from([A, B, C])
TREES = st.recursive(
    LEAVES,
    lambda inside: st.builds(
        lambda kind, nodes: {kind: nodes},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inside, max_size=3),
    ),
    max_leaves=8,
).filter(lambda node: group_kind(node) is not None)


def written(root):
    """The conditions in the order in which they are read."""
    return [node for _path, node in nodes_walk(root) if group_kind(node) is None]


@pytest.mark.parametrize(
    ("path", "direction", "goal", "after"),
    [
        ((1,), "up", (0,), {"all": [B, A, {"any": [C]}]}),
        ((0,), "down", (1,), {"all": [B, A, {"any": [C]}]}),
        ((1,), "down", (1, 0), {"all": [A, {"any": [B, C]}]}),
        ((2, 0), "up", (2,), {"all": [A, B, C, {"any": []}]}),
        ((2, 0), "down", (3,), {"all": [A, B, {"any": []}, C]}),
    ],
)
def test_a_node_moves_by_a_line_into_groups_and_out_of_them(path, direction, goal, after):
    edited = node_move({"all": [A, B, {"any": [C]}]}, path, direction)

    assert (edited.root, edited.focus) == (after, goal)


def test_the_last_line_goes_nowhere():
    with pytest.raises(TreeError):
        node_move({"all": [A, B]}, (1,), "down")


@given(root=TREES, data=st.data())
def test_moving_there_and_back_changes_nothing(root, data):
    inner = [path for path, _node in nodes_walk(root) if path]
    if not inner:
        return
    path = data.draw(st.sampled_from(inner))
    try:
        there = node_move(root, path, "down")
    except TreeError:
        return

    back = node_move(there.root, there.focus, "up")

    assert (back.root, back.focus) == (root, path)


@given(root=TREES, data=st.data())
def test_changes_keep_every_other_condition(root, data):
    inner = [(path, node) for path, node in nodes_walk(root) if path]
    if not inner:
        return
    path, node = data.draw(st.sampled_from(inner))
    of_node = written(node)

    assert len(written(node_duplicate(root, path).root)) == len(written(root)) + len(of_node)
    assert len(written(node_remove(root, path).root)) == len(written(root)) - len(of_node)
    assert written(node_wrap(root, path).root) == written(root)
    wrapped = node_wrap(root, path)
    assert group_unwrap(wrapped.root, wrapped.focus).root == root


def test_too_deep_is_refused():
    root = {"all": []}
    path = ()
    for _ in range(7):
        edited = node_add(root, path, {"any": []})
        root, path = edited.root, edited.focus

    with pytest.raises(TreeError, match="at most 8 groups"):
        node_add(root, path, {"any": []})


def test_problems_are_at_their_field():
    root = {
        "all": [
            {
                "condition": "event.count",
                "name": "",
                "at_least": "many",
                "where": [{"property": "x", "operator": "is"}],
            },
            {"any": []},
            {"condition": "gone.thing"},
            {"condition": "stage.is", "one_of": ["loyal"]},
        ]
    }

    found = rule_problems(root, key="")

    assert [(one.path, one.place, one.missing) for one in found] == [
        ((0,), ("name",), True),
        ((0,), ("where", 0), False),
        ((0,), ("at_least",), False),
        ((1,), (), True),
        ((2,), (), False),
    ]


@pytest.mark.django_db
def test_what_only_the_whole_shows_is_at_its_node():
    SegmentFactory(key="other", rule=country_rule("DE"))
    missing = {"all": [{"none": [{"condition": "segment.member", "segment": "gone"}]}]}

    (found,) = rule_problems(missing, key="own")

    assert (found.path, found.place) == ((0, 0), ("segment",))


def test_an_error_s_path_is_read():
    assert rule_place("rule.all[1].none[0].where[2].value") == ((1, 0), ("where", 2, "value"))
    assert rule_place("rule.all") == ((), ())


def set_rule(rule):
    return lambda content: content | {"rule": rule}


@pytest.mark.django_db
def test_steps_are_undone_and_done_again_and_typing_is_one_step():
    draft = drafts.draft_begin(owner="anna", name="x")
    for number, (rule, edited) in enumerate(
        [({"all": [A]}, ""), ({"all": [B]}, "0:value"), ({"all": [C]}, "0:value")]
    ):
        drafts.draft_change(
            draft_id=draft.pk, owner="anna", revision=number, change=set_rule(rule), edited=edited
        )

    once = drafts.draft_step(draft_id=draft.pk, owner="anna", revision=3, by=-1)
    assert once.root == {"all": [A]}, "both changes of the value are one step"
    twice = drafts.draft_step(draft_id=draft.pk, owner="anna", revision=4, by=-1)
    assert (twice.root, twice.may_undo, twice.may_redo) == ({"all": []}, False, True)
    nothing = drafts.draft_step(draft_id=draft.pk, owner="anna", revision=5, by=-1)
    assert nothing.row.revision == 5
    drafts.draft_step(draft_id=draft.pk, owner="anna", revision=5, by=1)
    again = drafts.draft_step(draft_id=draft.pk, owner="anna", revision=6, by=1)
    assert (again.root, again.may_redo) == ({"all": [C]}, False)


@pytest.mark.django_db
def test_a_new_change_takes_the_way_back_forward_away():
    draft = drafts.draft_begin(owner="anna", name="x")
    drafts.draft_change(draft_id=draft.pk, owner="anna", revision=0, change=set_rule({"all": [A]}))
    drafts.draft_step(draft_id=draft.pk, owner="anna", revision=1, by=-1)

    other = drafts.draft_change(
        draft_id=draft.pk, owner="anna", revision=2, change=set_rule({"all": [B]})
    )

    assert (other.root, other.may_redo) == ({"all": [B]}, False)


@pytest.mark.django_db
def test_a_page_that_is_behind_changes_nothing():
    draft = drafts.draft_begin(owner="anna", name="x")
    drafts.draft_change(draft_id=draft.pk, owner="anna", revision=0, change=set_rule({"all": [A]}))

    with pytest.raises(drafts.DraftStaleError):
        drafts.draft_change(
            draft_id=draft.pk, owner="anna", revision=0, change=set_rule({"all": [B]})
        )
    with pytest.raises(drafts.DraftStaleError):
        drafts.draft_publish(draft_id=draft.pk, owner="anna", revision=0)

    assert drafts.draft_load(draft_id=draft.pk, owner="anna").root == {"all": [A]}
    assert not Segment.objects.exists()


@pytest.mark.django_db
def test_a_draft_is_its_owner_s():
    draft = drafts.draft_begin(owner="anna", name="x")

    with pytest.raises(SegmentDraft.DoesNotExist):
        drafts.draft_load(draft_id=draft.pk, owner="bert")


@pytest.mark.django_db
def test_a_rule_for_something_else_keeps_what_its_page_had_and_is_never_published():
    mine = drafts.draft_for(owner="anna", purpose="outcome", kept={"name": "x"})
    others = drafts.draft_for(owner="bert", purpose="outcome", kept={"name": "y"})
    segment = drafts.draft_begin(owner="anna", name="z")

    everything = [mine.pk, others.pk, segment.pk]
    drafts.drafts_keep(draft_ids=everything, owner="anna", kept={"name": "changed"})

    kept = SegmentDraft.objects.in_bulk(everything)
    assert [kept[pk].kept for pk in everything] == [{"name": "changed"}, {"name": "y"}, {}]
    change = {"draft_id": mine.pk, "owner": "anna", "change": set_rule({"all": [A]})}
    drafts.draft_change(revision=0, **change)
    with pytest.raises(SegmentDraft.DoesNotExist):
        drafts.draft_publish(draft_id=mine.pk, owner="anna", revision=1)
    assert not Segment.objects.exists()


@pytest.mark.django_db
def test_a_draft_that_is_discarded_while_it_is_read_is_whole_or_gone():
    row = drafts.draft_begin(owner="ada", name="A")

    def discarded(execute, *arguments):
        found = execute(*arguments)
        wrappers = connection.execute_wrappers
        connection.execute_wrappers = []
        SegmentDraft.objects.all().delete()
        connection.execute_wrappers = wrappers
        return found

    with connection.execute_wrapper(discarded):
        draft = drafts.draft_load(draft_id=row.pk, owner="ada")

    assert draft.content["name"] == "A"
    with pytest.raises(SegmentDraft.DoesNotExist):
        drafts.draft_load(draft_id=row.pk, owner="ada")


@pytest.mark.django_db
def test_publishing_saves_and_writes_the_history():
    draft = drafts.draft_begin(owner="anna", name="Gäste aus A")
    drafts.draft_change(draft_id=draft.pk, owner="anna", revision=0, change=set_rule({"all": [A]}))

    saved = drafts.draft_publish(draft_id=draft.pk, owner="anna", revision=1, size=7)

    assert (saved.key, saved.rule, saved.created_by) == ("gaste-aus-a", country_rule("A"), "anna")
    assert not SegmentDraft.objects.exists()
    version = SegmentVersion.objects.get()
    assert (version.number, version.by, version.size) == (1, "anna", 7)


@pytest.mark.django_db
def test_a_name_that_makes_no_key_gets_one():
    draft = drafts.draft_begin(owner="anna", name="老客户")
    drafts.draft_change(draft_id=draft.pk, owner="anna", revision=0, change=set_rule({"all": [A]}))

    assert drafts.draft_publish(draft_id=draft.pk, owner="anna", revision=1).key == "segment-1"


@pytest.mark.django_db
def test_an_unfinished_rule_is_not_published():
    draft = drafts.draft_begin(owner="anna", name="x")

    with pytest.raises(drafts.DraftError, match="selects nobody"):
        drafts.draft_publish(draft_id=draft.pk, owner="anna", revision=0)

    assert SegmentDraft.objects.exists()
    assert not Segment.objects.exists()


@pytest.mark.django_db
def test_what_somebody_else_has_published_is_not_written_over():
    segment = segment_save(key="x", name="x", rule=country_rule("A"), by="bert")
    draft = drafts.draft_of(segment=segment, owner="anna")
    segment_save(key="x", name="x", rule=country_rule("B"), by="bert")

    with pytest.raises(drafts.DraftError, match="version 2"):
        drafts.draft_publish(draft_id=draft.pk, owner="anna", revision=0)

    segment.refresh_from_db()
    assert segment.rule == country_rule("B")
    assert [row.by for row in segment.versions.order_by("pk")] == ["bert", "bert"]

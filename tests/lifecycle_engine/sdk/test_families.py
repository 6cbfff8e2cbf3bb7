"""A family's members are looked up when they are asked for, and their keys stay their own."""

import pytest

from lifecycle_engine.sdk.errors import RegistrationError, UnknownExtensionError
from lifecycle_engine.sdk.families import Family, FamilyRegistry, Target
from lifecycle_engine.sdk.registry import Extension


class Thing(Extension):
    pass


class Made(Family):
    key = "made"
    label = "Made"

    @classmethod
    def member(cls, target):
        return type("Member", (Thing,), {"key": target.key, "label": target.label})


class Members:
    """Targets in memory."""

    def __init__(self):
        self.kept, self.away = {}, set()

    def add(self, key):
        self.kept[key] = Target(key, key.upper(), "does", 7, lambda tables: None, lambda w: None)

    def target(self, key):
        return self.kept.get(key)

    def targets(self):
        return [self.kept[key] for key in sorted(set(self.kept) - self.away)]


@pytest.fixture
def things():
    registry = FamilyRegistry("thing", Thing)
    registry.register(type("Plain", (Thing,), {"key": "plain", "label": "Plain"}))
    registry.register_family(Made)
    registry.freeze()
    return registry


@pytest.fixture
def members(things):
    members = Members()
    things.members_from(members)
    return members


def test_a_member_is_there_once_it_is_made_also_in_a_frozen_registry(things, members):
    assert "made.one" not in things
    members.add("made.one")
    assert "made.one" in things
    assert things.get("made.one").label == "MADE.ONE"
    assert things.keys() == ["made.one", "plain"]
    assert [thing.key for thing in things] == ["plain", "made.one"]
    assert things.get("made.one") is things.get("made.one")


def test_one_that_is_put_away_is_known_and_not_listed(things, members):
    members.add("made.one")
    members.away.add("made.one")
    assert things.keys() == ["plain"]
    assert things.get("made.one").key == "made.one"


def test_an_unknown_member_is_refused(things, members):
    with pytest.raises(UnknownExtensionError, match=r"No thing 'made.none'"):
        things.get("made.none")
    assert "made.none" not in things
    assert 7 not in things


def test_code_can_not_take_a_key_that_staff_might(things):
    taken = type("Taken", (Thing,), {"key": "made.one", "label": ""})
    with pytest.raises(RegistrationError, match="belongs to a family"), things.temporarily(taken):
        pass
    assert things.keys() == ["plain"]


def test_a_family_can_not_take_keys_of_code():
    registry = FamilyRegistry("thing", Thing)
    registry.register(type("Taken", (Thing,), {"key": "made.one", "label": ""}))
    with pytest.raises(RegistrationError, match=r"'made' is taken by \['made.one'\]"):
        registry.register_family(Made)
    assert registry.families() == []


@pytest.mark.parametrize("key", ["Made", "made.one", ""])
def test_a_familys_key_is_one_word(key):
    registry = FamilyRegistry("thing", Thing)
    with pytest.raises(RegistrationError, match="no single word"):
        registry.register_family(type("Odd", (Made,), {"key": key}))


def test_a_frozen_registry_takes_no_family(things):
    with pytest.raises(RegistrationError, match="frozen"):
        things.register_family(type("Late", (Made,), {"key": "late"}))


def test_a_member_has_to_have_the_targets_key(things, members):
    class Wrong(Made):
        key = "wrong"

        @classmethod
        def member(cls, target):
            return type("Member", (Thing,), {"key": "plain", "label": ""})

    with things.temporarily():
        things.register_family(Wrong)
        members.add("wrong.one")
        with pytest.raises(RegistrationError, match=r"made .* for 'wrong.one'"):
            things.get("wrong.one")

"""The registry of extensions."""

import pytest
from pydantic import ValidationError

from lifecycle_engine.sdk.errors import RegistrationError, UnknownExtensionError
from lifecycle_engine.sdk.registry import Config, Extension, Registry


class Base(Extension):
    """A kind of extension."""


class Apple(Base):
    key = "fruit.apple"
    label = "Apple"

    class Config(Config):
        colour: str


class Pear(Base):
    key = "fruit.pear"
    label = "Pear"


@pytest.fixture
def registry():
    return Registry("fruit", Base)


def test_an_extension_is_found_by_its_key(registry):
    assert registry.register(Apple) is Apple
    registry.register(Pear)

    assert registry.get("fruit.apple") is Apple
    assert list(registry) == [Apple, Pear]
    assert registry.keys() == ["fruit.apple", "fruit.pear"]
    assert "fruit.apple" in registry
    assert registry.owner("fruit.apple") == Apple.__module__.rpartition(".")[0]


@pytest.mark.parametrize("extension", [object, Extension, 5, Apple()])
def test_a_wrong_base_is_refused(registry, extension):
    with pytest.raises(RegistrationError, match="is not a Base"):
        registry.register(extension)

    assert registry.keys() == []


@pytest.mark.parametrize("key", ["", "Apple", "a.b.c", "a-b", "1a", ".a", "a.", "a b", None, 5])
def test_a_bad_key_is_refused(registry, key):
    bad = type("Bad", (Base,), {"key": key})

    with pytest.raises(RegistrationError, match=r"of Bad is not like 'plugin\.noun'"):
        registry.register(bad)

    assert registry.keys() == []


def test_a_class_without_a_key_is_refused(registry):
    with pytest.raises(RegistrationError, match="fruit key None of Nameless"):
        registry.register(type("Nameless", (Base,), {}))


def test_a_key_that_is_taken_is_refused_and_says_by_whom(registry):
    registry.register(Apple)
    other = type("Other", (Base,), {"key": Apple.key})

    with pytest.raises(RegistrationError, match=r"'fruit\.apple' is taken by Apple"):
        registry.register(other)

    assert registry.get("fruit.apple") is Apple


def test_a_late_registration_is_refused(registry):
    registry.freeze()

    with pytest.raises(RegistrationError, match="fruit registry is frozen"):
        registry.register(Apple)

    assert "fruit.apple" not in registry


def test_an_unknown_key_says_what_there_is(registry):
    with pytest.raises(UnknownExtensionError, match=r"No fruit 'x'.*There is: none\."):
        registry.get("x")
    registry.register(Apple)
    with pytest.raises(LookupError, match=r"missing or switched off\? There is: fruit\.apple\."):
        registry.get("x")


def test_a_temporary_registration_ends_with_its_block(registry):
    registry.register(Apple)
    registry.freeze()

    with registry.temporarily(Pear):
        assert "fruit.pear" in registry

    assert registry.keys() == ["fruit.apple"]
    with pytest.raises(RegistrationError, match="frozen"):
        registry.register(Pear)


def test_a_temporary_registration_that_fails_leaves_nothing(registry):
    with (
        pytest.raises(RegistrationError, match="is taken"),
        registry.temporarily(Pear, Pear),
    ):
        pass

    assert registry.keys() == []


def test_a_configuration_is_closed_and_frozen():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Apple.Config(colour="red", size=1)
    with pytest.raises(ValidationError, match="frozen"):
        Apple.Config(colour="red").colour = "green"

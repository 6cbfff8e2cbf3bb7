"""The registry of profile sections."""

from datetime import UTC, datetime

import pytest

from lifecycle_engine.customers.profile import (
    ProfileSectionError,
    profile_section_temporarily,
    profile_sections,
    profiles_compose,
)

AT = datetime(2017, 6, 1, tzinfo=UTC)


def shoe(*, customer_ids, at):
    return {customer_ids[0]: {"size": 41, "at": at.isoformat()}}


def test_sections_are_composed_for_many_customers():
    with profile_section_temporarily("shoe", shoe):
        sections = dict(profile_sections())

    assert sections["shoe"] is shoe
    assert "shoe" not in dict(profile_sections())


@pytest.mark.django_db
def test_who_has_nothing_in_a_section_gets_none():
    with profile_section_temporarily("shoe", shoe):
        profiles = profiles_compose(customer_ids=[1, 2], at=AT)

    assert profiles[1]["shoe"] == {"size": 41, "at": "2017-06-01T00:00:00+00:00"}
    assert profiles[2]["shoe"] is None


def test_a_name_that_is_taken_is_refused():
    with (
        profile_section_temporarily("shoe", shoe),
        pytest.raises(ProfileSectionError, match="Profile section 'shoe' is taken"),
        profile_section_temporarily("shoe", shoe),
    ):
        pass

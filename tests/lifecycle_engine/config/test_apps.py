"""What holds once all apps are loaded."""

import pytest

from lifecycle_engine.sdk.actions import actions
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.sdk.errors import RegistrationError
from lifecycle_engine.sdk.scorers import scorers


@pytest.mark.django_db  # Staff's own scorers are rows.
@pytest.mark.parametrize("registry", [actions, channels, conditions, scorers], ids=lambda r: r.kind)
def test_registries_are_closed_after_start_up(registry):
    before = registry.keys()
    late = next(iter(registry))

    with pytest.raises(RegistrationError, match="frozen"):
        registry.register(late)

    assert registry.keys() == before != []

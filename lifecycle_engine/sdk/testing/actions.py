"""What every action promises, as one check."""

import copy
import dataclasses
import json
from typing import Any

from lifecycle_engine.sdk.actions import Action, ActionOutcome, Batch

REFERENCE_LENGTH = 200


def check_action(action: Action[Any], batch: Batch) -> None:
    """Check that an action keeps its promises on a batch of customers.

    Call it inside a database transaction when the action writes.

    Raises:
        AssertionError: a promise is broken; the message says which one.
    """
    _check_class(type(action))
    before = copy.deepcopy(batch)
    outcomes = action.execute(batch)
    assert batch == before, "execute must not change the batch"
    _check_outcomes(outcomes, batch)
    again = action.execute(batch)
    assert {key: outcome.reference for key, outcome in again.items()} == {
        key: outcome.reference for key, outcome in outcomes.items()
    }, "the same batch a second time must give the same references"
    nobody = action.execute(dataclasses.replace(batch, recipients=()))
    assert dict(nobody) == {}, "an empty batch must give no outcomes"


def _check_class(action: type[Action[Any]]) -> None:
    assert action.Config.model_config.get("extra") == "forbid", "Config must refuse unknown keys"
    assert str(action.label), "label must not be empty"
    assert action.__doc__, "the class needs a docstring"


def _check_outcomes(outcomes: Any, batch: Batch) -> None:
    wanted = {recipient.id for recipient in batch.recipients}
    assert set(outcomes) == wanted, f"outcomes for {set(outcomes)}, recipients are {wanted}"
    for key, outcome in outcomes.items():
        assert isinstance(outcome, ActionOutcome), f"{key}: {outcome!r} is not an ActionOutcome"
        assert len(outcome.reference) <= REFERENCE_LENGTH, f"{key}: the reference is too long"
        assert json.loads(json.dumps(dict(outcome.context))) == dict(outcome.context), (
            f"{key}: context must be plain JSON"
        )

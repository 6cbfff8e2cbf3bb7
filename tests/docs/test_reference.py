"""The reference pages are complete, and their generated parts are up to date."""

import json
import re
import subprocess
import sys

import pytest
from django.core.management import get_commands
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

from docs.reference_tables import EXAMPLES, PARTS, REFERENCE, part_replaced
from lifecycle_engine.config.environment import Environment
from lifecycle_engine.core.models import Scope
from lifecycle_engine.messaging.models import MessageState
from lifecycle_engine.sdk.actions import actions
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.rules import rule_parse

EXPLANATION = REFERENCE.parent / "explanation"


@pytest.mark.django_db  # Sentences tell classes by the names that models give them.
@pytest.mark.parametrize("name", PARTS)
def test_a_generated_part_is_up_to_date(name):
    file, make = PARTS[name]
    page = (REFERENCE / file).read_text()

    with translation.override("en"):  # A test before may have left another language active.
        made = make()
    assert page == part_replaced(page, name, made), "run: python -m docs.reference_tables"


@pytest.mark.parametrize("module", ["docs.reference_tables", "docs.feature_figures"])
def test_what_writes_the_parts_loads_in_a_process_of_its_own(module):
    statement = f"import {module}"
    done = subprocess.run(
        [sys.executable, "-c", statement], cwd=REFERENCE.parents[1], check=False, timeout=60
    )

    assert done.returncode == 0


def test_every_condition_has_an_example():
    assert sorted(EXAMPLES) == conditions.keys()


def test_the_rules_on_the_page_are_rules():
    found = re.findall(r"```json\n(.*?)```", (REFERENCE / "rules.md").read_text(), re.DOTALL)
    documents = [json.loads(text) for text in found]

    assert len(documents) == 1 + len(EXAMPLES)
    for document in documents:
        rule_parse(document if "version" in document else {"version": 1, "rule": document})


def test_a_page_without_the_part_is_refused():
    with pytest.raises(LookupError, match="no generated part 'rules'"):
        part_replaced("", "rules", "")


def test_the_api_page_names_every_endpoint_and_scope():
    page = (REFERENCE / "api.md").read_text()
    schema = SchemaGenerator().get_schema(public=True)

    # A path may stand with another name for its parameter.
    shown = re.sub(r"\{\w+\}", "{}", page)
    missing = [path for path in schema["paths"] if re.sub(r"\{\w+\}", "{}", path) not in shown]
    assert missing == []
    assert [scope for scope in Scope.values if f"| `{scope}` |" not in page] == []


def test_the_events_page_names_what_channels_record():
    page = (REFERENCE / "events.md").read_text()

    assert [c.sent_event for c in channels if f"| `{c.sent_event}` |" not in page] == []


def test_the_settings_page_names_every_variable():
    page = (REFERENCE / "settings.md").read_text()
    variables = [field.alias for field in Environment.model_fields.values()]

    assert [name for name in variables if f"| `{name}` |" not in page] == []


def test_the_explanations_name_every_action_and_state():
    campaigns = (EXPLANATION / "campaigns.md").read_text()
    messages = (EXPLANATION / "messages.md").read_text()

    assert [key for key in actions.keys() if f"`{key}`" not in campaigns] == []  # noqa: SIM118
    assert [state for state in MessageState.values if f"`{state}`" not in messages] == []


def test_the_commands_page_names_our_own():
    page = (REFERENCE / "commands.md").read_text()
    ours = [name for name, app in get_commands().items() if app.startswith("lifecycle_engine")]

    assert "api_key" in ours
    assert [name for name in ours if not re.search(rf"\| `{name}[ `]", page)] == []

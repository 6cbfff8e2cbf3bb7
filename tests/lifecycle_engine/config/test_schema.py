"""The description of the API is valid, and no request that it allows makes the server fail."""

import io

import pytest
import schemathesis
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from lifecycle_engine.config.wsgi import application
from tests.factories.core import bearer


def test_the_description_is_valid_and_complete():
    # Any warning, such as a view that can't be described, fails the command.
    described = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=described)

    assert described.getvalue().startswith("openapi: 3")


def test_the_description_says_how_to_show_a_key(client):
    text = client.get("/api/v1/schema/").content.decode()

    assert "apiKey:\n      type: http\n      scheme: bearer" in text
    for path in ("/api/v1/events/", "/api/v1/products/", "/api/v1/customers/{external_id}/"):
        assert f"{path}:" in text


# The application closes its connection after a request, and a transaction with it.
@pytest.mark.django_db(transaction=True)
def test_no_request_makes_the_server_fail():
    # given a key that may do all, and requests both as described and not
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
    headers = bearer()
    statuses = set()

    @settings(
        max_examples=5,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case):
        answer = case.call(headers=headers)
        statuses.add(answer.status_code)
        assert answer.status_code < 500, f"{case.as_curl_command()} answered {answer.text}"

    # when
    for operation in schema.get_all_operations():
        for mode in GenerationMode:
            given(case=operation.ok().as_strategy(generation_mode=mode))(check)()

    # then
    assert {200, 400, 404} <= statuses

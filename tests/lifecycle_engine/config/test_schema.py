"""The description of the API is valid."""

import io

from django.core.management import call_command


def test_the_description_is_valid_and_complete():
    # Any warning, such as a view that can't be described, fails the command.
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_the_description_says_how_to_show_a_key(client):
    text = client.get("/api/v1/schema/").content.decode()

    assert "apiKey:\n      type: http\n      scheme: bearer" in text
    for path in ("/api/v1/events/", "/api/v1/products/", "/api/v1/customers/{external_id}/"):
        assert f"{path}:" in text

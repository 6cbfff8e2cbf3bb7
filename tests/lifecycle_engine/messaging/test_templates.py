import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from lifecycle_engine.messaging.models import MessageTemplate
from lifecycle_engine.messaging.rendering import template_render
from lifecycle_engine.messaging.services import template_save
from lifecycle_engine.messaging.sms import sms_count

GOOD = {
    "key": "hello",
    "name": "Hello",
    "channel": "email",
    "subject": "Hi {{ customer.first_name | default: 'you' }}",
    "text": "{{ unsubscribe_url }} {{ sender.address }}",
    "html": "<p>{{ unsubscribe_url }} {{ sender.address }}</p>",
}


@pytest.mark.django_db
def test_saving_again_changes_the_template():
    template_save(**GOOD)

    template_save(**GOOD | {"name": "Hello again"})

    assert MessageTemplate.objects.get().name == "Hello again"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"subject": "{{ a"}, "subject"),
        ({"text": "{% include 'x' %}"}, "text"),
        ({"text": "{{ unsubscribe_url }}"}, "text"),
        ({"html": "<p>{{ sender.address }}</p>"}, "html"),
        ({"html": "{{ x | safe }}"}, "html"),
        ({"channel": "pigeon"}, "channel"),
        ({"channel": "sms"}, "subject"),
    ],
)
def test_what_could_not_be_sent_is_not_saved(change, field):
    with pytest.raises(ValidationError) as refusal:
        template_save(**GOOD | change)

    assert field in refusal.value.message_dict
    assert not MessageTemplate.objects.exists()


CONTEXT = {
    "customer": {"first_name": "<Ada>"},
    "coupon": {"code": "ABCD1234EFGH", "value_text": "$5", "expires_on": "31 December 2017"},
    "recommendations": [
        {"name": "Tea & milk", "price": "$2.50", "url": "https://s.example/1", "reason": "Yours"},
        {"name": "Bread", "price": None, "url": "", "reason": ""},
        {"name": "Butter"},
    ],
    "unsubscribe_url": "https://shop.example/unsubscribe/x/",
    "preferences_url": "https://shop.example/preferences/x/",
    "sender": {"name": "Example Shop", "address": "1 Example Street"},
}


def shipped(name):
    return (settings.TEMPLATES[0]["DIRS"][0] / "messages" / name).read_text()


@pytest.mark.django_db
def test_the_templates_that_come_along_may_be_saved():
    template_save(
        **GOOD
        | {
            "text": shipped("winback_email.txt.liquid"),
            "html": shipped("winback_email.html.liquid"),
        }
    )
    template_save(key="sms", name="SMS", channel="sms", text=shipped("winback_sms.txt.liquid"))

    assert set(MessageTemplate.objects.values_list("channel", flat=True)) == {"email", "sms"}


def test_the_templates_that_come_along_show_everything():
    text = template_render(shipped("winback_email.txt.liquid"), CONTEXT)
    html = template_render(shipped("winback_email.html.liquid"), CONTEXT, html=True)
    sms = template_render(shipped("winback_sms.txt.liquid"), CONTEXT)

    for part in (text, html):
        assert part.count("ABCD1234EFGH") >= 1
        assert "https://shop.example/unsubscribe/x/" in part
        assert "https://shop.example/preferences/x/" in part
        assert "1 Example Street" in part
    assert "* Tea & milk ($2.50)\n  Yours\n  https://s.example/1\n\n* Bread\n\n* Butter\n" in text
    assert "&lt;Ada&gt;" in html
    assert "Tea &amp; milk" in html
    assert html.count("<a href=") == 3
    assert sms_count(sms.strip()).parts == 1


def test_the_templates_that_come_along_need_no_recommendations():
    html = template_render(
        shipped("winback_email.html.liquid"), CONTEXT | {"recommendations": []}, html=True
    )

    assert "Picked for you" not in html


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_confirmation_shows_words_link_and_sender_and_escapes(language):
    context = CONTEXT | {
        "confirm_url": "https://shop.example/opt-in/x/",
        "words": "Offers & news.\n<b>Yes.</b>",
        "days": 7,
    }

    text = template_render(shipped(f"opt_in_email.{language}.txt.liquid"), context)
    html = template_render(shipped(f"opt_in_email.{language}.html.liquid"), context, html=True)

    for part in (text, html):
        assert "https://shop.example/opt-in/x/" in part
        assert "1 Example Street" in part
        assert "7" in part
    assert "Offers & news.\n<b>Yes.</b>" in text
    assert "Offers &amp; news.<br" in html
    assert "&lt;b&gt;Yes.&lt;/b&gt;" in html

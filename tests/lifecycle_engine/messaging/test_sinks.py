from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.messaging.sinks import email_store, sink_messages, sms_append

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.SINK_FOLDER = tmp_path / "sink"
    return settings.SINK_FOLDER


def fill(folder, number):
    for index in range(number):
        at = AT + timedelta(seconds=index)
        email_store(folder=folder, content=f"Subject: m{index}\r\n\r\nHi\r\n".encode(), at=at)
        text = f"s{index}" + "x" * 700
        entry = {"message_id": str(index), "to": "+1", "text": text, "parts": 5}
        sms_append(folder=folder, entry={**entry, "received_at": at.isoformat()})


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_an_empty_sink_has_nothing(channel):
    assert sink_messages(channel=channel, limit=5) == []


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_the_newest_come_first_page_by_page(folder, channel):
    fill(folder, 250)
    moments, before = [], ""

    while page := sink_messages(channel=channel, limit=90, before=before):
        moments += [message.received_at for message in page]
        before = page[-1].key

    assert moments == [AT + timedelta(seconds=index) for index in reversed(range(250))]


def test_a_page_is_bounded(folder):
    fill(folder, 210)

    assert len(sink_messages(channel="sms", limit=10**9)) == 200
    assert sink_messages(channel="sms", limit=0) == []


def test_a_line_that_is_still_being_written_waits(folder):
    fill(folder, 1)
    with (folder / "sms.jsonl").open("ab") as sink:
        sink.write(b'{"half')

    assert len(sink_messages(channel="sms", limit=5)) == 1


def test_an_unknown_sink_and_a_wrong_place_are_named():
    with pytest.raises(ValueError, match="'pigeon' has no sink"):
        sink_messages(channel="pigeon", limit=1)

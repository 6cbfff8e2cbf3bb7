import socket
import threading
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from lifecycle_engine.messaging.channels.sms_sink import SmsSinkChannel
from lifecycle_engine.messaging.channels.smtp import EmailChannel
from lifecycle_engine.messaging.sinks import email_store, sink_messages
from lifecycle_engine.sdk.channels import Rendered, UncertainError
from lifecycle_engine.sdk.errors import PermanentError, TransientError
from lifecycle_engine.sdk.testing.channels import check_channel

TRICKY = "first\n.\nsecond\r.\rthird\n.\r\nfourth\r\n.\r\n..\nlast"


def rendered(**changes):
    parts = {
        "to": "ada@example.com",
        "subject": "Grüße",
        "text": "Hi",
        "html": "<p>Hi</p>",
        "unsubscribe_url": "https://shop.example/u/",
    }
    return Rendered(**(parts | changes))


class Keeper:
    """An SMTP server's handler that keeps what it gets, or answers as it is told."""

    def __init__(self, folder):
        self.folder = folder
        self.to_recipient, self.to_text = "250 OK", "250 OK"
        self.connections = 0

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.to_text.startswith("250"):
            email_store(folder=self.folder, content=envelope.content, at=timezone.now())
        return self.to_text


@pytest.fixture
def sink(settings, tmp_path):
    settings.SINK_FOLDER = tmp_path
    handler = Keeper(tmp_path)
    controller = Controller(handler, hostname="127.0.0.1", port=0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        controller.port = free.getsockname()[1]
    controller.start()
    settings.EMAIL_URL = f"smtp://127.0.0.1:{controller.port}"
    yield handler
    controller.stop()


def test_the_email_channel_conforms(sink):
    receipt = check_channel(EmailChannel, address="ada@example.com", bad_address="a\nb@c.example")

    assert receipt.provider_id == "<conformance-1@example.com>"


def test_the_sms_channel_conforms(settings, tmp_path):
    settings.SINK_FOLDER = tmp_path

    receipt = check_channel(SmsSinkChannel, address="+1 (202) 555-0100", bad_address="premium")

    assert receipt.provider_id == "sink:conformance-1"
    (message,) = sink_messages(channel="sms", limit=10)
    assert (message.to, message.parts) == ("+12025550100", 1)


def test_a_text_of_dots_and_odd_line_ends_arrives_as_one_message(sink):
    channel = EmailChannel()

    with channel.session():
        channel.send(rendered(text=TRICKY), idempotency_key="k1")

    (message,) = sink_messages(channel="email", limit=10)
    assert message.subject == "Grüße"
    assert message.text.split() == TRICKY.split()


def test_a_batch_shares_one_connection(sink):
    channel = EmailChannel()

    with channel.session():
        for number in range(3):
            channel.send(rendered(), idempotency_key=f"k{number}")

    assert sink.connections == 1
    assert len(sink_messages(channel="email", limit=10)) == 3


@pytest.mark.parametrize("step", ["to_recipient", "to_text"])
@pytest.mark.parametrize(
    ("answer", "error"), [("450 later", TransientError), ("550 never", PermanentError)]
)
def test_the_servers_refusals_are_told_apart_and_the_next_message_goes_out(
    sink, step, answer, error
):
    channel = EmailChannel()
    with channel.session():
        setattr(sink, step, answer)
        with pytest.raises(error, match=answer):
            channel.send(rendered(), idempotency_key="k1")
        setattr(sink, step, "250 OK")

        channel.send(rendered(), idempotency_key="k2")

    (message,) = sink_messages(channel="email", limit=10)
    assert message.message_id == "<k2@example.com>"


@contextmanager
def broken_server(*, says_ready_for_text):
    """A server that hangs up: after it has read the text, or before it takes any."""

    def serve(listener):
        client, _address = listener.accept()
        with client, client.makefile("rb") as lines:
            client.sendall(b"220 broken\r\n")
            for line in lines:
                if line.upper().startswith(b"MAIL") and not says_ready_for_text:
                    return
                if line.upper().startswith(b"DATA"):
                    client.sendall(b"354 go on\r\n")
                elif line == b".\r\n":
                    return
                elif line[:4].upper() in {b"EHLO", b"HELO", b"MAIL", b"RCPT"}:
                    client.sendall(b"250 OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("says_ready_for_text", "error"), [(True, UncertainError), (False, TransientError)]
)
def test_only_a_break_after_the_text_leaves_the_outcome_open(settings, says_ready_for_text, error):
    with broken_server(says_ready_for_text=says_ready_for_text) as url:
        settings.EMAIL_URL = url
        channel = EmailChannel()
        with channel.session(), pytest.raises(error):
            channel.send(rendered(), idempotency_key="k1")


@pytest.mark.parametrize(
    ("name", "value"),
    [("EMAIL_URL", ""), ("EMAIL_URL", "smtp://127.0.0.1:1"), ("POSTAL_ADDRESS", "")],
)
def test_without_a_server_or_a_postal_address_nothing_is_tried(settings, name, value):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    setattr(settings, name, value)

    with pytest.raises(TransientError), EmailChannel().session():
        pass


@pytest.mark.parametrize("context", [{"a": "【Bank】"}, {"a": [{"b": "x】"}]}])
def test_data_cannot_bring_a_signature_of_its_own(context):
    with pytest.raises(PermanentError, match="a"):
        SmsSinkChannel().context_check(context)


def test_control_characters_are_taken_out_of_an_sms(settings, tmp_path):
    settings.SINK_FOLDER = tmp_path

    SmsSinkChannel().send(rendered(to="+12025550100", text="a\0b\x1bc\r\nd\n"), idempotency_key="1")

    assert sink_messages(channel="sms", limit=1)[0].text == "abc\nd"

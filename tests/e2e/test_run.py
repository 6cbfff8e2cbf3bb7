"""``manage.py run`` as an operator has it: says when it is ready, takes events, stops whole."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from lifecycle_engine.config.environment import ROOT

PATIENCE_SECONDS = 180
EVENTS = [
    {
        "type": "track",
        "messageId": "first",
        "userId": "a",
        "event": "Order Completed",
        "properties": {"total": 12.5, "currency": "EUR"},
    },
    {"type": "track", "messageId": "second", "userId": "a"},
]


@pytest.fixture
def environment(tmp_path):
    """A state folder of its own, so a database and a broker of its own.

    Of web servers there are as few as still share these; nothing else is set.
    """
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return kept | {"VAR": str(tmp_path / "var"), "WEB_WORKERS": "2"}


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def manage(*arguments):
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)
    return found


def runs(process):
    """Whether a process does; not where it ended, and whoever adopted it hasn't noticed yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def get(url, key="", body=None):
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, response.read().decode()


def test_it_gets_ready_takes_events_and_leaves_nothing_behind(environment, port, tmp_path):
    output = tmp_path / "output"
    with (
        output.open("wb") as written,
        subprocess.Popen(
            manage("run", "--port", str(port)), env=environment, stdout=written, stderr=written
        ) as run,
    ):
        try:
            # When it says that it is ready
            ready = until(
                lambda: (
                    re.search(r"^ready (\S+)$", output.read_text(), re.MULTILINE)
                    or run.poll() is not None
                ),
                "ready",
            )
            assert ready is not True, output.read_text()
            assert ready[1] == f"http://127.0.0.1:{port}/admin/"
            started = psutil.Process(run.pid).children(recursive=True)

            # Then a partner gets a key, alone on standard output, and sends a batch
            made = subprocess.run(
                manage("api_key", "create", "--name", "shop", "--scope", "events:write"),
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            key = made.stdout.strip()
            assert made.stdout == f"{key}\n"
            site = f"http://127.0.0.1:{port}"
            assert get(f"{site}/healthz")[0] == 200
            status, answer = get(f"{site}/api/v1/events/", key, {"events": EVENTS})

            # And what is right is accepted, what is wrong is named
            assert status == 200
            found = json.loads(answer)
            assert (found["accepted"], found["duplicates"]) == (1, 0)
            (rejected,) = found["rejected"]
            assert (rejected["message_id"], rejected["field"]) == ("second", "event")
        finally:
            # And Ctrl-C ends it and all that it started
            run.send_signal(signal.SIGINT)
            run.wait(PATIENCE_SECONDS)
    assert len(started) >= 5  # Web server, two workers, clock, mail sink.
    assert [process.pid for process in started if runs(process)] == []
    assert not (tmp_path / "var" / "postgres" / "postmaster.pid").exists()

"""Programs are restarted when they die and stopped when the supervisor ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lifecycle_engine.config.embedded.supervisor import Program, StartError, Supervisor

_SLEEPER = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"


def _sleeper(tmp_path: Path, name: str) -> Program:
    flag = tmp_path / f"{name}.ready"
    return Program(
        name=name, command=[sys.executable, "-c", _SLEEPER, str(flag)], ready=flag.exists
    )


def _wait_for(condition, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_leaving_the_block_stops_every_program(tmp_path):
    with Supervisor([_sleeper(tmp_path, "a"), _sleeper(tmp_path, "b")], logs=tmp_path) as stack:
        stack.wait_until_ready()
        pids = [stack.pid("a"), stack.pid("b")]
        assert all(psutil.pid_exists(pid) for pid in pids)

    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_killed_program_is_started_again(tmp_path):
    with Supervisor([_sleeper(tmp_path, "a")], logs=tmp_path) as stack:
        stack.wait_until_ready()
        first = stack.pid("a")
        os.kill(first, signal.SIGKILL)

        def restarted() -> bool:
            stack.tend()
            return stack.pid("a") != first

        assert _wait_for(restarted)


def test_program_that_ends_while_starting_is_an_error_with_its_last_words(tmp_path):
    program = Program(
        name="broken",
        command=[sys.executable, "-c", "raise SystemExit('no such thing')"],
        ready=lambda: False,
    )

    with (
        pytest.raises(StartError, match=r"broken ended while starting.*\n.*no such thing"),
        Supervisor([program], logs=tmp_path) as stack,
    ):
        stack.wait_until_ready()


def test_children_stop_when_the_supervisor_is_killed(tmp_path):
    script = f"""
import sys, pathlib
from lifecycle_engine.config.embedded.supervisor import Program, Supervisor
program = Program(name="a", command=[sys.executable, "-c", {_SLEEPER!r}, {str(tmp_path / "f")!r}])
with Supervisor([program], logs=pathlib.Path({str(tmp_path)!r})) as stack:
    print(stack.pid("a"), flush=True)
    stack.run()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.stdout.close()
    assert _wait_for((tmp_path / "f").exists)

    parent.kill()
    parent.wait()

    assert _wait_for(
        lambda: (
            not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        )
    )

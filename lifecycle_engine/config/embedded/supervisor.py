"""Keeping a handful of processes running: start, restart with back-off, stop on Ctrl-C."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # prctl(2)
_BACK_OFF_SECONDS = (0.5, 1, 2, 5, 10, 30)
_STABLE_SECONDS = 60.0
_STOP_SECONDS = 15.0
#: Each process takes some 2 s of a processor to load, and the machine may have others to run.
_START_SECONDS = 180.0


class StartError(Exception):
    """A process ended, or was not ready in time, while the stack was starting."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how to see that it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True


class Supervisor:
    """Runs programs, each in a process group of its own with a log file, until told to stop.

    Used as a context manager: leaving the block stops everything that it started. Should the
    supervisor itself be killed, the kernel tells its children to stop (Linux).
    """

    def __init__(self, programs: Sequence[Program], *, logs: Path) -> None:
        self._programs = programs
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._stopping = False

    def __enter__(self) -> Self:
        """Start all programs."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for program in self._programs:
            self._start(program)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all programs, the last one started first."""
        self.stop()

    def wait_until_ready(self, *, seconds: float = _START_SECONDS) -> None:
        """Wait until every program says that it is ready.

        Raises:
            StartError: one ended, or was not ready in time; the message says where its log is.
        """
        deadline = time.monotonic() + seconds
        waiting = list(self._programs)
        while waiting:
            waiting = [program for program in waiting if not program.ready()]
            for program in waiting:
                if self._running[program.name].poll() is not None:
                    raise StartError(f"{program.name} ended while starting; {self._tail(program)}")
            if waiting and time.monotonic() > deadline:
                raise StartError(
                    f"{waiting[0].name} was not ready in {seconds:.0f} s; {self._tail(waiting[0])}"
                )
            time.sleep(0.1)

    def run(self) -> None:
        """Watch over the programs until Ctrl-C or SIGTERM; restart those that end."""
        while not self._stopping:
            self.tend()
            time.sleep(0.2)

    def tend(self) -> None:
        """Restart what has ended and has waited its time."""
        for program in self._programs:
            process = self._running[program.name]
            if process.poll() is None:
                continue
            lived = time.monotonic() - self._started[program.name]
            failures = 0 if lived > _STABLE_SECONDS else self._failures.get(program.name, 0)
            if lived < _BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS) - 1)]:
                continue
            log.warning("%s ended with status %s; restarting", program.name, process.returncode)
            self._failures[program.name] = failures + 1
            self._start(program)

    def stop(self) -> None:
        """Ask every program to stop; kill what has not stopped in time."""
        self._stopping = True
        processes = [
            self._running[p.name] for p in reversed(self._programs) if p.name in self._running
        ]
        for process in processes:
            # To the process alone: it knows how to end its children, which a worker waits for.
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()

    def pid(self, name: str) -> int:
        """The process id of a program."""
        return self._running[name].pid

    def _start(self, program: Program) -> None:
        with (self._logs / f"{program.name}.log").open("ab") as log:
            self._running[program.name] = subprocess.Popen(  # noqa: S603 - our own commands
                program.command,
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which
                # then stops everything in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads run before the children
            )
        self._started[program.name] = time.monotonic()

    def _tail(self, program: Program) -> str:
        path = self._logs / f"{program.name}.log"
        lines = path.read_text(errors="replace").splitlines()[-15:]
        return f"its log {path} ends with:\n" + "\n".join(lines)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        raise KeyboardInterrupt


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

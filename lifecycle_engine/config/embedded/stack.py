"""The programs that make up a whole engine on one machine."""

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from django.conf import settings

from lifecycle_engine.config.embedded.supervisor import Program
from lifecycle_engine.config.environment import ROOT

#: Threads of each of the web server's processes.
WEB_THREADS = 8
#: More processes than that are wanted by nobody who runs the whole stack on one machine.
_WEB_WORKERS_MOST = 8


class PortTakenError(Exception):
    """The port that the web server was to listen on is in use."""


def stack_programs(
    *, var: Path, port: int, email_url: str, web: bool, gpu_devices: Sequence[str] = ()
) -> list[Program]:
    """The programs of a stack, in the order in which they start.

    Args:
        var: the folder for all state.
        port: where the web server listens, or is going to listen, on 127.0.0.1.
        email_url: where mail goes; empty for a local sink that keeps it.
        web: whether the web server runs, and the clock that starts periodic work.
        gpu_devices: CUDA's numbers or names of devices, each of which gets a worker of its own.

    Raises:
        PortTakenError: something listens on the port; the message names it.
    """
    programs = []
    if not email_url:
        sink_port = _free_port()
        email_url = f"smtp://127.0.0.1:{sink_port}"
        programs.append(_mail_sink(var / "sink", sink_port))
    environment = {
        "EMAIL_URL": email_url,
        "PYTHONPATH": str(ROOT),
        # Links in messages lead to where this stack answers, unless somebody said otherwise.
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or f"http://127.0.0.1:{port}",
    }
    programs.append(_worker(var, "default", ["--pool=prefork", "--concurrency=2"], environment))
    # Never prefork here: TensorFlow, once loaded, does not survive a fork.
    # Threads of OpenMP that wait must not spin: on few cores they keep the others from working.
    passive = {**environment, "OMP_WAIT_POLICY": "PASSIVE"}
    for device in gpu_devices or (None,):
        # A device belongs to one process; without any named that process takes what there is.
        own = {} if device is None else {"CUDA_VISIBLE_DEVICES": device}
        name = "gpu" if device is None else f"gpu-{device}"
        programs.append(_worker(var, "gpu", ["--pool=solo"], passive | own, name=name))
    if web:
        programs += [_beat(var, environment), _web(port, environment)]
    return programs


def port_check(port: int) -> None:
    """See that nothing listens on the port.

    Raises:
        PortTakenError: something does.
    """
    if _listens(port):
        raise PortTakenError(f"Port {port} on 127.0.0.1 is in use; choose another with PORT=")


def _mail_sink(folder: Path, port: int) -> Program:
    module = ("-m", "lifecycle_engine.messaging.mail_sink")
    return Program(
        name="mail-sink",
        command=[sys.executable, *module, "--folder", str(folder), "--port", str(port)],
        environment={"PYTHONPATH": str(ROOT)},
        ready=lambda: _listens(port),
    )


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "lifecycle_engine.config.celery", *arguments]


def _worker(
    var: Path, queue: str, pool: Sequence[str], environment: Mapping[str, str], *, name: str = ""
) -> Program:
    name = name or queue
    flag = var / "run" / f"worker-{name}.ready"
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.unlink(missing_ok=True)
    # Workers of one machine need not know of one another; the embedded broker has no broadcast.
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return Program(
        name=f"worker-{name}",
        command=_celery("worker", "-Q", queue, "-n", f"{name}@%h", "-l", "INFO", *alone, *pool),
        environment={**environment, "WORKER_READY_FILE": str(flag)},
        ready=flag.exists,
    )


def _beat(var: Path, environment: Mapping[str, str]) -> Program:
    return Program(
        name="beat",
        command=_celery("beat", "-s", str(var / "run" / "beat-schedule"), "--pidfile="),
        environment=environment,
    )


def web_command(port: int) -> list[str]:
    """What starts the web server.

    By default two workers for each processor: the threads of one wait for one another, and a worker
    that waits for the database leaves its processor to another. More threads than may wait with
    events (``INGEST_WAITING_LIMIT``), so that one is always left to say that there are too many.
    """
    processors = os.cpu_count() or 1
    workers = settings.WEB_WORKERS or min(2 * processors, _WEB_WORKERS_MOST)
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi"),
        *("--host", "127.0.0.1", "--port", str(port), "--no-ws"),
        *(
            "--workers",
            str(workers),
            "--blocking-threads",
            str(WEB_THREADS),
            "--respawn-failed-workers",
        ),
        "lifecycle_engine.config.wsgi:application",
    ]


def _web(port: int, environment: Mapping[str, str]) -> Program:
    port_check(port)
    return Program(
        name="web",
        command=web_command(port),
        environment=environment,
        ready=_answers(f"http://127.0.0.1:{port}/readyz"),
    )


def _answers(url: str) -> Callable[[], bool]:
    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a fixed local URL
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return check


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

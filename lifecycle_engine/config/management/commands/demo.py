"""``manage.py demo``: the main job on real data, a summary, and the admin to look around in."""

import secrets
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from rich.console import Console

from lifecycle_engine.config.demo.loading import DemoDataError
from lifecycle_engine.config.demo.memory import PeakMemory
from lifecycle_engine.config.demo.pipeline import pipeline_run
from lifecycle_engine.config.demo.progress import Stages, whole_job
from lifecycle_engine.config.demo.report import report_build, report_print, report_write
from lifecycle_engine.config.demo.working import WorkerError
from lifecycle_engine.config.embedded.postgres import postgres_pid
from lifecycle_engine.config.embedded.stack import PortTakenError, port_check, stack_programs
from lifecycle_engine.config.embedded.supervisor import StartError, Supervisor

_USER = "demo"


class Command(BaseCommand):
    help = "Run the main job on a year of a real grocery retailer, then serve the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1")
        parser.add_argument("--no-serve", action="store_true", help="end after the summary")

    def handle(self, *_args: Any, **options: Any) -> None:
        console = Console()
        try:
            if not options["no_serve"]:
                port_check(options["port"])
            call_command("migrate", interactive=False, verbosity=0)
            report = _main_job(console, port=options["port"])
        except (DemoDataError, PortTakenError, StartError, WorkerError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("stopped; run it again to go on from here") from None
        path = settings.VAR.parent / "demo-report.json"
        report_write(report, path)
        report_print(report, console)
        console.print(f"The same figures are in {path}.")
        _login_print(console)
        if not options["no_serve"]:
            call_command("run", port=options["port"])


def _main_job(console: Console, *, port: int) -> dict[str, Any]:
    programs = stack_programs(
        var=settings.VAR,
        port=port,
        email_url=settings.EMAIL_URL,
        web=False,
        gpu_devices=settings.GPU_DEVICES,
    )
    start = time.perf_counter()
    with (
        Supervisor(programs, logs=settings.VAR / "logs") as supervisor,
        PeakMemory(database_pid=postgres_pid(settings.VAR)) as memory,
        Stages(console) as stages,
    ):
        figures = pipeline_run(stages, workers=supervisor.wait_until_ready)
        seconds = round(time.perf_counter() - start, 1)
    whole = whole_job(seconds=seconds, peak_mebibytes=memory.peak_mebibytes)
    return report_build(figures, whole=whole)


def _login_print(console: Console) -> None:
    users = get_user_model().objects
    if users.filter(username=_USER).exists():
        console.print(
            f"Login: {_USER}, with the password that was printed the first time "
            f"(a new one: VAR={settings.VAR} python manage.py changepassword {_USER})."
        )
        return
    password = secrets.token_urlsafe(12)
    users.create_superuser(_USER, password=password)
    console.print(f"Login: [bold]{_USER}[/], password: [bold]{password}[/] (printed this once).")

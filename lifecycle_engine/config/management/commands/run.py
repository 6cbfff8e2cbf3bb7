"""``manage.py run``: the whole stack on this machine."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from lifecycle_engine.config.embedded.stack import PortTakenError, stack_programs
from lifecycle_engine.config.embedded.supervisor import StartError, Supervisor


class Command(BaseCommand):
    help = "Start web server, workers, clock and the embedded services; Ctrl-C stops them all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1")

    def handle(self, *_args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        try:
            programs = stack_programs(
                var=settings.VAR,
                port=options["port"],
                email_url=settings.EMAIL_URL,
                web=True,
                gpu_devices=settings.GPU_DEVICES,
            )
            with Supervisor(programs, logs=settings.VAR / "logs") as supervisor:
                supervisor.wait_until_ready()
                self.stdout.write(f"ready http://127.0.0.1:{options['port']}/admin/")
                self.stdout.flush()
                supervisor.run()
        except (PortTakenError, StartError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.stdout.write("stopped")

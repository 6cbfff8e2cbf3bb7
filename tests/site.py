"""A real web server for tests that have to kill it, or to measure it."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from lifecycle_engine.config.embedded.stack import web_command
from lifecycle_engine.config.environment import ROOT

PATIENCE_SECONDS = 120


class Site:
    """A web server in a process group of its own, which can be killed and started again."""

    def __init__(self, environment):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self.kill()

    def start(self):
        self._process = subprocess.Popen(
            web_command(self.port),
            env=self._environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "the web server has ended"
            assert time.monotonic() < deadline, "the web server does not answer"
            time.sleep(0.1)

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

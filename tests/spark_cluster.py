"""A Spark cluster on this machine: a master and two executors in processes of their own."""

import atexit
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXECUTORS = 2
_PATIENCE_SECONDS = 180
_DEFAULTS = """
spark.driver.memory 1g
spark.executor.memory 1g
spark.cores.max 2
spark.sql.shuffle.partitions 2
spark.default.parallelism 2
spark.ui.showConsoleProgress false
spark.sql.adaptive.enabled false
"""
_LOG = """
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %m%n
"""


def start() -> str:
    """Start the cluster, which ends with this process; returns its URL."""
    # Installed only for these tests.
    import pyspark  # noqa: PLC0415

    # It tells of closing connections at the very end, when there is nowhere to tell it.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="spark-"))
    (folder / "spark-defaults.conf").write_text(_DEFAULTS)
    (folder / "log4j2.properties").write_text(_LOG)
    os.environ |= {
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "PYSPARK_PYTHON": sys.executable,
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(pyspark.__file__).parent / "bin" / "spark-class")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    local = ["--host", "127.0.0.1", "--webui-port", "0"]
    master = ["org.apache.spark.deploy.master.Master", *local, "--port", str(port)]
    _kept(subprocess.Popen([*command, *master], **quiet))
    _wait(port)
    url = f"spark://127.0.0.1:{port}"
    for _ in range(EXECUTORS):
        worker = ["org.apache.spark.deploy.worker.Worker", *local]
        _kept(subprocess.Popen([*command, *worker, "--cores", "1", "--memory", "1g", url], **quiet))
    return url


def _kept(process: subprocess.Popen) -> None:
    atexit.register(process.kill)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return

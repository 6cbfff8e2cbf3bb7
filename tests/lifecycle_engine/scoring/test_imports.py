"""TensorFlow and Optuna load in workers that train, and nowhere else."""

import os
import subprocess
import sys

# One process for each kind, forked when all that they share is loaded: it comes as far as the
# process does before it answers, ticks or takes tasks.
_SCRIPT = """
import os
import sys
import django
django.setup()
from lifecycle_engine.config.celery import app
from lifecycle_engine.sdk.scorers import scorers

def web():
    import lifecycle_engine.config.wsgi
    from django.core.handlers.wsgi import WSGIHandler
    from django.urls import get_resolver
    assert isinstance(lifecycle_engine.config.wsgi.application, WSGIHandler)
    assert get_resolver().reverse_dict

def beat():
    from celery.beat import Scheduler, Service
    app.loader.import_default_modules()
    entries = Service(app, scheduler_cls=Scheduler).get_scheduler().schedule
    assert "models" in entries

def default():
    worker = app.Worker(queues="default", pool="prefork", concurrency=1)
    assert {"scoring.train", "scoring.run", "scoring.train_and_run"} <= set(worker.app.tasks)
    assert {"churn.risk", "value.spend_30d"} <= set(scorers.keys()), scorers.keys()
    assert "dummy.lapse" in scorers and scorers.owner("dummy.lapse") == "tests.dummy_plugin"

for start in (web, beat, default):
    child = os.fork()
    if child == 0:
        start()
        loaded = sorted({"tensorflow", "keras", "optuna"} & set(sys.modules))
        print(start.__name__, loaded, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, start
"""


def test_tensorflow_and_optuna_are_not_loaded_by_web_beat_and_default_workers():
    plugins = "plugins.churn_predictor,plugins.value_estimator,tests.dummy_plugin"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
        "PLUGINS": plugins,
    }
    found = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == ["web []", "beat []", "default []"]

"""TensorFlow loads in workers that train, and nowhere else."""

import os
import subprocess
import sys

_SCRIPT = """
import sys
import django
django.setup()
from lifecycle_engine.config.celery import app
app.autodiscover_tasks(force=True)
from lifecycle_engine.sdk.scorers import scorers
assert {"scoring.train", "scoring.run", "scoring.train_and_run"} <= set(app.tasks)
assert {"churn.risk", "value.spend_30d"} <= set(scorers.keys()), scorers.keys()
assert "dummy.lapse" in scorers and scorers.owner("dummy.lapse") == "tests.dummy_plugin"
print(sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def test_tensorflow_is_not_loaded_by_apps_and_tasks():
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

    assert (found.returncode, found.stdout.strip()) == (0, "[]"), found.stderr

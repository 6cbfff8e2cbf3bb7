"""A story in which whoever runs a scorer is killed, many times."""

import os
import random
import subprocess
import sys
from itertools import count
from pathlib import Path

from django.conf import settings

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.scoring import frames, running
from lifecycle_engine.scoring.models import Score
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from tests.factories.scoring_runs import AS_OF, KEY, TELLTALE, days, percentiles
from tests.locks import locks_free_awaited

#: Customers in a shard.
SHARD = 5

# Forks two workers for each kill: both drive runs, resume them and help, in an order of their own,
# until they are killed, one a little after the other; how long they live is drawn. Each frame that
# is computed has numbers of its own.
_KILLED = """
import os, random, signal, sys, time
import django
from django.conf import settings
django.setup()
from datetime import timedelta
from lifecycle_engine.scoring import datasets, frames, running
from lifecycle_engine.scoring.errors import RunGivenUpError, ScorerBusyError
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring_kills import SHARD
from tests.factories.scoring_runs import AS_OF, KEY, Echo, feature_table_of

kills, seed, least, most = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
frames.SHARD, running.ATTEMPTS_LIMIT, running._LOOK = SHARD, 10**6, 0.01
_temporary = scorers.temporarily()
_temporary.__enter__()
scorers.register(Echo)
predict = Echo.predict

def work(name):
    rng = random.Random(f"{seed}:{name}")
    datasets.feature_table = feature_table_of(iter(lambda: rng.randrange(1, 10**6), 0))

    def slowly(self, frame):
        time.sleep(rng.uniform(0, 0.02))
        return predict(self, frame)

    Echo.predict = slowly
    def newest():
        return ScoringRun.objects.order_by("-pk").values_list("pk", flat=True).first()
    jobs = [
        lambda: running.scorer_run(scorer_key=KEY, as_of=AS_OF),
        lambda: newest() and running.run_resume(run_id=newest()),
        lambda: newest() and running.run_help(run_id=newest()),
        running.runs_look_after,
    ]
    while True:
        try:
            rng.choice(jobs)()
        except (RunGivenUpError, ScorerBusyError):
            pass

rng = random.Random(seed)
for number in range(kills):
    children = []
    for worker in range(2):
        child = os.fork()
        if child == 0:
            work(f"{number}:{worker}")
        children.append(child)
    for child in children:
        time.sleep(rng.uniform(least, most))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ended", flush=True)
"""


def kills_play(kills, *, seed, lives, folder):
    """Kill so many pairs of workers, each after a time drawn between two numbers of seconds.

    Raises:
        AssertionError: one of them ended by itself.
    """
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(kills), str(seed), *map(str, lives)],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
            "DATABASE_URL": adbc_url(),
            "SECRET_KEY": settings.SECRET_KEY,
            "VAR": str(folder),
            "PLUGINS": "",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + 4 * kills * lives[1],
    )
    assert done.stdout.split() == ["9"] * 2 * kills, done.stderr[-3000:]
    locks_free_awaited()


def whole_and_of_one_frame(customer_ids):
    """What is published is of one frame and complete; says of which, None where nothing is."""
    rows = Score.objects.filter(scorer_key=KEY).order_by("customer_id")
    found = list(rows.values_list("customer_id", "value", "percentile"))
    if not found:
        return None
    ids, values, shares = zip(*found, strict=True)
    assert list(ids) == customer_ids
    (frame,) = {int(value / 2 // TELLTALE) for value in values}
    right = days(frame, ids) * 2
    assert list(values) == right.tolist()
    assert [round(share, 9) for share in shares] == [round(one, 9) for one in percentiles(right)]
    return frame


def gone_on_with():
    """Let the run that was killed last be gone on with, if it was not over."""
    run = ScoringRun.objects.filter(state=RunState.RUNNING).first()
    begun = run and run.frame and frames.part_frame(run.frame, 0)["recency_days"].iloc[0]
    done = list(run.shards_done) if run else []
    if run:
        # So many starts got nowhere since the kills came so soon, which a slow machine makes worse.
        ScoringRun.objects.filter(pk=run.pk).update(attempts=0)
    running.scorer_run(scorer_key=KEY, as_of=AS_OF)
    return None if begun is None else int(begun // TELLTALE), done


def seed_drawn():
    """A seed that a failing test prints."""
    return random.SystemRandom().randrange(10**6)


def table_unlike_any():
    """Frames of numbers that no killed worker draws."""
    return count(2 * 10**6)

"""What a run of a scorer takes, beside its bare steps measured in the same process.

``BENCH_CUSTOMERS`` (100,000 by default) with twenty events each are scored by gradient
boosting and by a network that Keras has trained. The bare steps: the hand-written DuckDB query of
``features_bare.sql`` over the same files, for the features that the scorer wants; ``predict`` on
the whole matrix; and COPY of the result into an empty table. A run besides reads the customers from
PostgreSQL, leaves out who objects, stages, ranks, publishes and keeps the history.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench-scoring``, or ``pytest tests/benchmarks/bench_scoring.py -s``
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import duckdb
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from django.db import connection
from rest_framework.test import APIClient

from lifecycle_engine.core.bulk import copy_arrow
from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring import datasets, running
from lifecycle_engine.scoring.artefacts import artefact_save
from lifecycle_engine.scoring.models import ModelVersion, Score, ScoreHistory
from lifecycle_engine.scoring.reasons.selectors import is_explaining
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.scorers import Scorer, scorers
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.features import features_known
from plugins.churn_predictor.recurrent import RecurrentConfig
from plugins.churn_predictor.scorers import ChurnConfig, ChurnRisk
from plugins.churn_predictor.sequence import ChurnSequence, ChurnSequenceConfig
from tests.benchmarks.history import AS_OF, History, history

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "100000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", str(20 * CUSTOMERS)))
#: What DuckDB may take in either case; it spills beyond.
MEMORY = "2GB"
#: Rows that the models learn from: how long that takes is not measured here.
SAMPLE = 20_000

BARE = Path(__file__).with_name("features_bare.sql")

_PEOPLE = """
INSERT INTO customers_customer ({columns})
SELECT {values} FROM bench_people
"""


class Everybody(ChurnRisk):
    """As the churn scorer, and also of those who never bought."""

    key = "bench.everybody"

    def population(self, tables: Tables) -> ir.Table:
        """All customers."""
        return tables.customers.select(customer_id=tables.customers.id)


class EverybodysSequences(ChurnSequence):
    """As the scorer from the last 50 events, and also of those who never bought."""

    key = "bench.sequences"
    opt_in: ClassVar[bool] = False
    population = Everybody.population


class Taken:
    """What some work took: seconds, and seconds of processors with those of the database."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s ({self.processor:5.1f} s of processors)"


@contextmanager
def taken() -> Iterator[Taken]:
    found = Taken()
    start, processor = time.perf_counter(), time.process_time() + _database_seconds()
    yield found
    found.seconds = time.perf_counter() - start
    found.processor = time.process_time() + _database_seconds() - processor


@pytest.fixture
def made(transactional_db: None, settings: object, tmp_path: Path) -> Iterator[History]:
    found = history(customers=CUSTOMERS, events=EVENTS)
    folder = found.customers_file.parent
    settings.WAREHOUSE_URL = f"duckdb://{folder}?memory={MEMORY}"  # type: ignore[attr-defined]
    settings.STORAGES = settings.STORAGES | {  # type: ignore[attr-defined]
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
    }
    _people(found)
    with scorers.temporarily():
        scorers.register(Everybody)
        scorers.register(EverybodysSequences)
        yield found


def test_runs_beside_their_bare_steps(made):
    _say(f"{CUSTOMERS:,} customers, {EVENTS:,} events")
    for number, name in enumerate(("boosting", "network"), start=1):
        scorer = Everybody(ChurnConfig(candidates=(name,)))
        with taken() as query:
            ready = _bare_features(made, scorer)
        scorer.fit(*_sample(ready, 1), validation=_sample(ready, 2), rng=np.random.default_rng(1))
        _champion(scorer, number)
        frame = ready.to_pandas().set_index("customer_id")
        with taken() as predict:
            values = scorer.predict(frame)
        with taken() as copy:
            _bare_copy(values)
        del ready, frame
        _run(scorer, values, steps=(query, predict, copy))


def test_a_run_over_sequences_of_events(made):
    """Beside one query for everybody's last events, ``predict`` on the matrix, and COPY."""
    network = RecurrentConfig(epochs=1)
    scorer = EverybodysSequences(ChurnSequenceConfig(network=network, calibrations=()))
    with taken() as query:
        rows = _bare_sequences(made, last=scorer.sequence.last)
    del rows
    ready = datasets.feature_table(scorer, as_of=AS_OF)
    scorer.fit(*_sample(ready, 1), validation=_sample(ready, 2), rng=np.random.default_rng(1))
    _champion(scorer, 1)
    frame = ready.to_pandas().set_index("customer_id")
    del ready
    with taken() as predict:
        values = scorer.predict(frame)
    del frame
    with taken() as copy:
        _bare_copy(values)
    _run(scorer, values, steps=(query, predict, copy))


def _run(scorer: Scorer, values: "pd.Series[float]", *, steps: tuple["Taken", ...]) -> None:
    """Run the champion, see that it publishes ``values``, and say what it took beside the steps."""
    ScoreHistory.objects.all().delete()
    Score.objects.all().delete()
    with taken() as whole, _peak() as peak:
        result = running.scorer_run(scorer_key=scorer.key, as_of=AS_OF)
    run = ScoringRun.objects.select_related("frame").latest("pk")
    assert run.frame is not None
    assert result.customers == Score.objects.count() == len(values)
    _same(values)
    query, predict, copy = steps
    write = run.seconds_staging + run.seconds_publishing
    _say(f"\n{scorer.algorithm}, {result.customers:,} scores in {run.shards} shards")
    _say(f"  run: features  {run.frame.seconds:6.1f} s    bare query    {query}")
    _say(f"       inference {run.seconds_inference:6.1f} s    bare predict  {predict}")
    _say(f"       write     {write:6.1f} s    bare COPY     {copy}")
    _say(f"       (staged {run.seconds_staging:.1f} s, published {run.seconds_publishing:.1f} s)")
    seconds = sum(step.seconds for step in steps)
    processor = sum(step.processor for step in steps)
    _say(f"  on demand: one customer by API in {_on_demand(scorer.key, CUSTOMERS)}")
    if is_explaining(type(scorer), use=Use.MODEL):
        why = _on_demand(scorer.key, CUSTOMERS, reasons=True)
        _say(f"             with its reasons in {why}")
    _say(f"  total {whole}, at most {peak():,} MiB")
    _say(
        f"  beside the bare steps' {seconds:.1f} s ({processor:.1f} s of processors):"
        f" {whole.seconds / seconds:.2f}, of processor time {whole.processor / processor:.2f}"
    )


def _on_demand(key: str, customers: int, *, reasons: bool = False) -> str:
    """How long one customer takes by API, in this process, with all that a request does."""
    _record, token = api_key_create(
        name=f"bench-{time.monotonic()}", scopes=[Scope.CUSTOMERS_READ], rate_limit=None
    )
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    rng, times = np.random.default_rng(1), []
    for number in rng.integers(1, customers + 1, 520):
        start = time.perf_counter()
        asked = {"customers": [str(number)], "reasons": reasons}
        answer = client.post(f"/api/v1/scorers/{key}/score/", asked, format="json")
        times.append(1_000 * (time.perf_counter() - start))
        assert len(answer.json()["scores"]) == 1 or answer.json()["refused"], answer.content
    half, most = np.percentile(times[20:], (50, 99))
    return f"{half:.1f} ms, 99 of 100 within {most:.1f} ms"


def _people(made: History) -> None:
    """The history's customers in the database, with their ids."""
    people = made.customers().select(["id", "external_id", "created_at"])
    fixed = {
        field.column: "''"
        for field in Customer._meta.concrete_fields
        if not field.null and field.column not in {"id", "external_id", "created_at"}
    } | {"attributes": "'{}'", "updated_at": "now()"}
    columns = {name: name for name in people.column_names} | fixed
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "CREATE TEMPORARY TABLE bench_people (id bigint, external_id text,"
            " created_at timestamptz)"
        )
        copy_arrow("bench_people", people)
        known = {field.column for field in Customer._meta.concrete_fields}
        named = {name: value for name, value in columns.items() if name in known}
        cursor.execute(_PEOPLE.format(columns=", ".join(named), values=", ".join(named.values())))
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE customers_customer")


def _bare_features(made: History, scorer: ChurnRisk) -> pa.Table:
    files = {
        name: repr(list(made.store.files(name, start=None, end=AS_OF)))
        for name in schemas.LOG_TABLES
    }
    statement = re.sub(r"^--.*$", "", BARE.read_text(), flags=re.MULTILINE).format(
        now=f"TIMESTAMPTZ '{AS_OF.isoformat()}'",
        customers=repr(str(made.customers_file)),
        **files,
    )
    missing = {feature.name: feature.missing for feature in features_known()}
    names = ", ".join(
        name if np.isnan(missing[name]) else f"coalesce({name}, {missing[name]}) AS {name}"
        for name in scorer.feature_names()
    )
    wanted = (
        f"SELECT customer_id, {names} FROM ({statement.rstrip().rstrip(';')}) ORDER BY customer_id"
    )
    options = {
        "memory_limit": MEMORY,
        "temp_directory": str(made.store.spill_folder()),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=options) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        return opened.sql(wanted).to_arrow_table()


def _bare_sequences(made: History, *, last: int) -> pa.Table:
    """The last events of each customer, newest first."""
    files = list(made.store.files("events", start=None, end=AS_OF))
    options = {"memory_limit": MEMORY, "temp_directory": str(made.store.spill_folder())}
    with duckdb.connect(config=options) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        return opened.sql(
            f"""
            SELECT customer_id, coalesce(category, name) AS text, occurred_at, value
            FROM read_parquet({files!r})
            WHERE occurred_at < TIMESTAMPTZ '{AS_OF.isoformat()}' AND customer_id IS NOT NULL
            QUALIFY row_number() OVER (
                PARTITION BY customer_id ORDER BY occurred_at DESC, id DESC
            ) <= {last}
            """
        ).to_arrow_table()


def _sample(ready: pa.Table, seed: int) -> tuple[pd.DataFrame, "pd.Series[float]"]:
    """Rows of two cut-off dates, with an outcome that has something to do with them."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(ready.num_rows, min(SAMPLE, ready.num_rows), replace=False)
    frame = ready.take(pa.array(np.sort(chosen))).to_pandas().set_index("customer_id").astype(float)
    older = AS_OF - timedelta(days=60)
    cutoffs = [AS_OF if number % 2 else older for number in range(len(frame))]
    frame.index = pd.MultiIndex.from_arrays([cutoffs, frame.index], names=["cutoff", "customer_id"])
    gone = 1 / (1 + np.exp(1.5 - frame["recency_days"].fillna(400) / 60))
    return frame, pd.Series((rng.random(len(frame)) < gone).astype(float), index=frame.index)


def _champion(scorer: ChurnRisk, number: int) -> None:
    artefact = artefact_save(folder="models", state=scorer.state())
    ModelVersion.objects.update(state="retired")
    ModelVersion.objects.create(
        scorer_key=scorer.key,
        number=number,
        state="champion",
        as_of=AS_OF,
        train_seconds=0,
        rows=SAMPLE,
        algorithm=scorer.algorithm,
        config=scorer.config.model_dump(mode="json"),
        artefact=artefact.path,
        sha256=artefact.sha256,
        fingerprint=str(number),
    )


def _bare_copy(values: "pd.Series[float]") -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_scores")
        cursor.execute("CREATE TABLE bench_scores (customer_id bigint, value double precision)")
    copy_arrow(
        "bench_scores",
        pa.table({"customer_id": values.index.to_numpy(), "value": values.to_numpy()}),
    )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_scores")


def _same(values: "pd.Series[float]") -> None:
    """What was published is what the bare steps came to."""
    chosen = values.sample(1_000, random_state=1)
    rows = Score.objects.filter(customer_id__in=chosen.index.tolist())
    found = pd.Series(dict(rows.values_list("customer_id", "value")))
    np.testing.assert_allclose(found[chosen.index], chosen, rtol=1e-3, atol=1e-3)


@contextmanager
def _peak() -> Iterator[Callable[[], int]]:
    Path("/proc/self/clear_refs").write_text("5")  # Forget the peak so far.
    highest = 0

    def read() -> int:
        return highest

    yield read
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    highest = int(found[1]) // 1024 if found else 0


def _database_seconds() -> float:
    """What the database's process for this connection has used so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")

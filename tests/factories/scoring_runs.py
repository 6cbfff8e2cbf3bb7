"""A scorer that says back what it is given, and its champion: runs without a log and training."""

import hashlib
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.artefacts import artefact_save
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.sdk.scorers import Amount, ModelState, Scorer
from tests.factories.customers import CustomerFactory

AS_OF = datetime(2017, 12, 1, tzinfo=UTC)
KEY = "test.echo"
#: Larger than any customer's number of days: what is above it says which frame it was.
TELLTALE = 1000


class Echo(Scorer):
    """The days since the last order, times a factor."""

    key = KEY
    label = "Echo"
    output = Amount("days")
    features = ("recency_days",)

    def predict(self, frame):
        return frame["recency_days"] * self.factor

    def state(self):
        return ModelState(params={"factor": self.factor})

    def restore(self, state):
        self.factor = state.params["factor"]


class EchoToo(Echo):
    """Another that wants the same features."""

    key = "test.echo_too"


def champion(scorer=Echo, *, factor=2.0, number=1):
    """A model of the scorer; whichever was the champion before is retired."""
    model = scorer()
    model.factor = factor
    artefact = artefact_save(folder=f"models/{scorer.key}", state=model.state())
    ModelVersion.objects.filter(scorer_key=scorer.key).update(state="retired")
    return ModelVersion.objects.create(
        scorer_key=scorer.key,
        number=number,
        state="champion",
        as_of=AS_OF,
        train_seconds=0,
        rows=1,
        algorithm="Echo",
        features=list(scorer.features),
        artefact=artefact.path,
        sha256=artefact.sha256,
        fingerprint=hashlib.sha256(f"{number}".encode()).hexdigest(),
    )


def people(count):
    """So many customers."""
    rows = CustomerFactory.build_batch(count)
    return Customer.objects.bulk_create(rows)


def days(frame_number, customer_ids):
    """The feature of each customer in the frame that was computed as the so many-eth."""
    ids = np.asarray(customer_ids)
    return (ids * 37 % 100).astype(float) + TELLTALE * frame_number


def feature_table_of(frames):
    """Stands in for ``datasets.feature_table``: each frame that it makes has other numbers.

    Args:
        frames: an iterator of the frames' numbers.
    """

    def feature_table(scorer, *, as_of, excluded=()):
        del scorer, as_of
        ids = Customer.objects.exclude(pk__in=excluded).order_by("pk").values_list("pk", flat=True)
        ids = np.array(ids, dtype=np.int64)
        return pa.table({"customer_id": ids, "recency_days": days(next(frames), ids)})

    return feature_table


def percentiles(values):
    """Where each value stands among all, from 0 to 100, as pandas has it."""
    return (pd.Series(values).rank(method="average", pct=True) * 100).tolist()

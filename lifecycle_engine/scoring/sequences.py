"""What customers did last, as columns of frames: see ``sdk.sequences``."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lifecycle_engine.sdk.sequences import SequenceSpec, sequence_rows, texts_said, token_number
from lifecycle_engine.sdk.tables import Tables

#: Customers whose sequences are read at once: 50 steps of each take some 100 MB while they are.
CUSTOMERS_AT_ONCE = 50_000


def sequence_columns(
    spec: SequenceSpec, tables: Tables, members: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """The columns of the sequences, by name: one query for each so many customers.

    Args:
        spec: what is wanted.
        tables: only what happened before the cut-off date.
        members: the customers, ascending.
    """
    found = np.full((len(spec.FIELDS), spec.last, len(members)), np.nan, dtype=np.float32)
    for start in range(0, len(members), CUSTOMERS_AT_ONCE):
        some = members[start : start + CUSTOMERS_AT_ONCE]
        rows = sequence_rows(tables, spec, customers=(int(some[0]), int(some[-1])))
        _fill(found[:, :, start : start + len(some)], tables.execute(rows), some)
    return dict(zip(spec.columns(), found.reshape(-1, len(members)), strict=True))


def sequence_texts(spec: SequenceSpec, tables: Tables) -> dict[int, str]:
    """What the tokens of sequences stand for.

    Args:
        spec: whose sequences.
        tables: only what happened before the cut-off date.
    """
    texts = tables.execute(texts_said(tables, spec))["text"].to_pylist()
    return {token_number(text): text for text in sorted(texts)}


def _fill(found: NDArray[np.float32], rows: pa.Table, members: NDArray[np.int64]) -> None:
    """Write the rows of some customers into their places: (fields, steps, customers)."""
    ids = rows["customer_id"].to_numpy()
    at = np.searchsorted(members, ids)
    at = np.minimum(at, len(members) - 1)
    ours = members[at] == ids
    step, at = rows["place"].to_numpy()[ours], at[ours]
    # Texts are few: each is made a number once.
    texts = rows["text"].combine_chunks().dictionary_encode()
    numbers = np.array([token_number(text) for text in texts.dictionary.to_pylist()], np.float32)
    columns = (
        numbers[texts.indices.to_numpy()] if len(texts) else np.empty(0, np.float32),
        rows["days"].to_numpy(),
        rows["amount"].to_numpy(zero_copy_only=False),
    )
    for field, values in enumerate(columns):
        found[field, step, at] = values[ours]

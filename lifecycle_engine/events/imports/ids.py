"""UUIDs of version 7 by the thousand."""

from datetime import datetime

import numpy as np
import pyarrow as pa

_MILLISECOND_BITS = 48
_HEX = 32


def uuids7(*, count: int, at: datetime, rng: np.random.Generator) -> pa.Array:
    """So many UUIDs of one moment, each greater than the one before, in hexadecimal."""
    raw = np.empty((count, 2), dtype=">u8")
    drawn = np.sort(rng.integers(0, 1 << 64, size=count, dtype=np.uint64, endpoint=False))
    low = rng.integers(0, 1 << 10, size=count, dtype=np.uint64)
    milliseconds = np.uint64(int(at.timestamp() * 1000))
    # 48 bits of time, the version, and 74 random bits around the variant; the upper ones are
    # sorted, so that an index grows at its end.
    raw[:, 0] = (milliseconds << np.uint64(16)) | np.uint64(0x7000) | (drawn >> np.uint64(52))
    raw[:, 1] = np.uint64(1 << 63) | ((drawn & np.uint64((1 << 52) - 1)) << np.uint64(10)) | low
    text = raw.tobytes().hex().encode()
    offsets = np.arange(0, _HEX * (count + 1), _HEX, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))

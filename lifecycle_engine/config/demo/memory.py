"""The peak memory of the demo and everything it starts."""

import threading
from typing import Self

import psutil

_EVERY_SECONDS = 1.0
_MEBIBYTE = 1 << 20


class PeakMemory:
    """Samples the memory of this process, its descendants and the embedded database.

    Shared pages count once: the figure is the sum of proportional set sizes (PSS) where the kernel
    tells them, of unique set sizes elsewhere.
    """

    def __init__(self, *, database_pid: int | None) -> None:
        self._roots = [psutil.Process()]
        if database_pid is not None:
            self._roots.append(psutil.Process(database_pid))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        """Start sampling, once a second."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sampling."""
        self._stopped.set()
        self._thread.join()

    @property
    def peak_mebibytes(self) -> int:
        """The largest sum that was seen, in MiB."""
        return round(self.peak_bytes / _MEBIBYTE)

    def _sample(self) -> None:
        while not self._stopped.wait(_EVERY_SECONDS):
            processes = [p for root in self._roots for p in (root, *_descendants(root))]
            self.peak_bytes = max(self.peak_bytes, sum(map(_memory, processes)))


def _descendants(root: psutil.Process) -> list[psutil.Process]:
    try:
        return list(root.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        figures = process.memory_full_info()
    except psutil.Error:
        return 0  # It ended since it was listed.
    return int(getattr(figures, "pss", 0) or figures.uss)

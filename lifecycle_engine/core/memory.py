"""How much memory there is for what comes next."""

import re
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
_MIB = 1024 * 1024


def memory_available(*, meminfo: Path = _MEMINFO, group: Path = _GROUP) -> int | None:
    """MiB that this process could still take without swapping; None where nobody says.

    What Linux takes for available (``MemAvailable`` of proc(5)), and within a container no more
    than its limit leaves (``memory.max`` and ``memory.current`` of control groups, version 2).
    """
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    if found is None:
        return None
    available = int(found[1]) // 1024
    try:
        limit, taken = ((group / name).read_text() for name in ("memory.max", "memory.current"))
        # The word "max" stands for no limit.
        return min(available, max(0, int(limit) - int(taken)) // _MIB)
    except (OSError, ValueError):
        return available

"""How much memory there is, by what Linux says."""

import pytest

from lifecycle_engine.core.memory import memory_available

MEMINFO = "MemTotal:       24684000 kB\nMemFree:          100 kB\nMemAvailable:    8192000 kB\n"


@pytest.fixture
def machine(tmp_path):
    def made(limit=None, taken="0"):
        (tmp_path / "meminfo").write_text(MEMINFO)
        if limit is not None:
            (tmp_path / "memory.max").write_text(f"{limit}\n")
            (tmp_path / "memory.current").write_text(f"{taken}\n")
        return {"meminfo": tmp_path / "meminfo", "group": tmp_path}

    return made


@pytest.mark.parametrize(
    ("limit", "taken", "available"),
    [
        (None, "0", 8000),
        ("max", "5", 8000),
        (2**30, str(2**28), 768),
        (2**40, "0", 8000),
        (2**20, str(2**21), 0),
    ],
)
def test_it_is_what_linux_and_the_container_leave(machine, limit, taken, available):
    assert memory_available(**machine(limit, taken)) == available


def test_elsewhere_nobody_says(tmp_path):
    assert memory_available(meminfo=tmp_path / "none", group=tmp_path) is None
    (tmp_path / "odd").write_text("MemTotal: 5 kB\n")
    assert memory_available(meminfo=tmp_path / "odd", group=tmp_path) is None


def test_here_there_is_some():
    found = memory_available()
    assert found is None or found > 0

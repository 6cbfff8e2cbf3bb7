"""Which programs a stack has."""

import os

import pytest

from lifecycle_engine.config.embedded.stack import WEB_THREADS, stack_programs, web_command


def workers(tmp_path, **given):
    programs = stack_programs(
        var=tmp_path, port=8000, email_url="smtp://127.0.0.1:1", web=False, **given
    )
    return {program.name: program for program in programs}


def test_one_model_worker_takes_what_devices_there_are(tmp_path):
    found = workers(tmp_path)

    assert list(found) == ["worker-default", "worker-gpu"]
    assert "CUDA_VISIBLE_DEVICES" not in found["worker-gpu"].environment
    assert "--pool=solo" in found["worker-gpu"].command


def test_each_device_has_a_model_worker_of_its_own(tmp_path):
    found = workers(tmp_path, gpu_devices=["0", "2"])

    assert list(found) == ["worker-default", "worker-gpu-0", "worker-gpu-2"]
    seen = {
        name: program.environment.get("CUDA_VISIBLE_DEVICES") for name, program in found.items()
    }
    assert seen == {"worker-default": None, "worker-gpu-0": "0", "worker-gpu-2": "2"}
    for name in ("gpu-0", "gpu-2"):
        command = found[f"worker-{name}"].command
        # One queue, and names that differ, by which Celery tells its workers apart.
        assert command[command.index("-Q") + 1] == "gpu"
        assert command[command.index("-n") + 1] == f"{name}@%h"
    flags = {program.environment["WORKER_READY_FILE"] for program in found.values()}
    assert len(flags) == 3


@pytest.mark.parametrize(
    ("said", "processors", "workers"),
    [(None, 1, "2"), (None, 2, "4"), (None, 32, "8"), (3, 2, "3")],
)
def test_the_web_server_has_two_processes_for_each_processor(
    said, processors, workers, settings, monkeypatch
):
    settings.WEB_WORKERS = said
    monkeypatch.setattr(os, "cpu_count", lambda: processors)

    command = web_command(8000)

    assert command[command.index("--workers") + 1] == workers


def test_a_thread_is_left_to_say_that_too_many_events_wait(settings):
    assert settings.INGEST_WAITING_LIMIT < WEB_THREADS

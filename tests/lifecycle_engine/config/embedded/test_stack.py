"""Which programs a stack has."""

from lifecycle_engine.config.embedded.stack import stack_programs


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

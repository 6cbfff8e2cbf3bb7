"""The devices that a worker's environment offers to a network, and how it is trained on them.

Keras and TensorFlow are handed in by who trains, since the SDK itself loads no model library. Which
devices there are is the environment's to say: ``CUDA_VISIBLE_DEVICES``.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeAlias, TypeVar

from django.conf import settings

from lifecycle_engine.sdk.scorers import Progress

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")
#: Of ``compile`` of Keras, whether by XLA: "auto" where it knows that the network's layers can be.
Compiled: TypeAlias = bool | Literal["auto"]

#: Below this many rows a step costs more than what is in it, and memory is not what is short.
_LEAST_ROWS = 16
#: Names of Keras's policies for numbers: all of 32 bits; or products of 16, while weights stay.
_SINGLE, _MIXED = "float32", "mixed_float16"
#: The compute capability from which NVIDIA's devices have units for products of 16 bits; older ones
#: are no faster at them (TensorFlow's guide "Mixed precision", Supported hardware).
_TENSOR_CORES = (7, 0)
#: On what the networks of the training around were trained so far.
_noted: ContextVar[list[dict[str, Any]] | None] = ContextVar("noted", default=None)


@dataclass(frozen=True)
class Devices:
    """What a network is trained with, and where.

    Attributes:
        keras: the library.
        kind: what they are, such as "Tesla T4".
        count: over how many of them each batch is spread.
        precision: the name of Keras's policy for numbers. Weights are of 32 bits under either.
        compiled: whether XLA compiles what a step does.
        spread: makes what spreads a network over them.
        exhausted: what says that a device's memory is full.
        callbacks: what Keras is to tell of each epoch.
    """

    keras: Any
    kind: str = "CPU"
    count: int = 1
    precision: str = _SINGLE
    compiled: Compiled = False
    spread: Callable[[], AbstractContextManager[Any]] = nullcontext
    exhausted: type[Exception] = MemoryError
    callbacks: Sequence[Any] = ()

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What a network has to be made, compiled and trained in.

        Its layers compute in ``precision``, but for those that are told ``dtype="float32"``, as the
        last one has to be: losses of 16 bits over- and underflow. ``compile`` scales the loss by
        itself where it has to (``LossScaleOptimizer``).
        """
        policies = self.keras.config
        before = policies.dtype_policy()
        noted = _noted.get()
        if noted is not None and self.as_json() not in noted:
            noted.append(self.as_json())
        policies.set_dtype_policy(self.precision)
        try:
            with self.spread():
                yield
        finally:
            policies.set_dtype_policy(before)

    def compiling(self, *, steps: int = 1) -> dict[str, Any]:
        """What ``compile`` of Keras is to be told beside the optimizer and the loss.

        Args:
            steps: over how many it may loop in the graph: small ones cost less so.
        """
        # Keras can't loop in the graph over steps that are spread.
        return {
            "jit_compile": self.compiled,
            "steps_per_execution": steps if self.count == 1 else 1,
        }

    def single(self) -> Self:
        """The first of them, in 32 bits: for a loop of one's own, whose loss nothing scales."""
        return replace(self, count=1, precision=_SINGLE, spread=nullcontext)

    def as_json(self) -> dict[str, Any]:
        """For the card: with these, equal seeds give equal weights."""
        return {
            "kind": self.kind,
            "count": self.count,
            "precision": self.precision,
            "compiled": self.compiled,
        }

    def in_memory(self, work: Callable[[int], Result], *, rows: int) -> Result:
        """Do work in batches of so many rows; of half as many where a memory is too small for it.

        Args:
            work: does all of it, given how many rows a batch has; it is begun anew when these are
                halved.
            rows: how many to try first.

        Raises:
            Exception: ``exhausted``, by batches of a few rows too.
        """
        while True:
            try:
                return work(rows)
            except self.exhausted:
                if rows <= _LEAST_ROWS:
                    raise
                rows //= 2

    def begin(self, seed: int) -> None:
        """Begin a training: outside of ``scope``, which holds what it clears.

        Equal seeds give equal weights; and training twice in a process does not grow its memory.
        """
        self.keras.utils.set_random_seed(seed)
        self.keras.backend.clear_session()

    def telling(self, progress: Progress, epochs: int) -> list[Any]:
        """The callbacks of a training of so many epochs, and one that tells of each."""

        def told(epoch: int, logs: object = None) -> None:
            del logs
            progress(epoch + 1, epochs)

        return [self.keras.callbacks.LambdaCallback(on_epoch_end=told), *self.callbacks]


@contextmanager
def devices_noted() -> Iterator[list[dict[str, Any]]]:
    """What the networks are trained on within, each kind of training once: ``Devices.as_json``."""
    found: list[dict[str, Any]] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def devices_found(keras: Any, tensorflow: Any, *, name: str) -> Devices:
    """All GPUs that this process sees, or else its processors.

    With several each batch is cut into equal parts, each device works out the gradient of its part,
    and all of them take the same step (``tf.distribute.MirroredStrategy``). So the network comes
    out as on one device, but for the order in which numbers are added.

    Precision and compilation are those of the settings ``GPU_PRECISION`` and ``GPU_XLA``, which
    leave them to the devices by default.

    Args:
        keras: the library, on TensorFlow.
        tensorflow: the library.
        name: what is trained, such as a scorer's key; names the folder of its TensorBoard logs
            where the setting ``TENSORBOARD_DIR`` wants some.
    """
    config = tensorflow.config
    gpus = config.get_visible_devices("GPU")
    details = [config.experimental.get_device_details(gpu) for gpu in gpus]
    devices = config.list_logical_devices("GPU" if gpus else "CPU")
    spread: Callable[[], AbstractContextManager[Any]] = nullcontext
    if len(devices) > 1:
        names = [device.name for device in devices]
        spread = tensorflow.distribute.MirroredStrategy(names).scope
    return Devices(
        keras,
        kind=_kind(details),
        count=max(1, len(devices)),
        precision=_precision(details),
        compiled=_compiled(gpu=bool(gpus), count=len(devices)),
        spread=spread,
        exhausted=tensorflow.errors.ResourceExhaustedError,
        callbacks=_boards(keras, name),
    )


def _kind(details: Sequence[Mapping[str, Any]]) -> str:
    """The names of the devices, each once; "CPU" where none is a GPU."""
    return ", ".join(sorted({one.get("device_name", "GPU") for one in details})) or "CPU"


def _precision(details: Sequence[Mapping[str, Any]]) -> str:
    """The policy that all of the GPUs are fast at, unless it is set."""
    if settings.GPU_PRECISION != "auto":
        return _MIXED if settings.GPU_PRECISION == "mixed" else _SINGLE
    able = [one.get("compute_capability", (0, 0)) >= _TENSOR_CORES for one in details]
    return _MIXED if able and all(able) else _SINGLE


def _compiled(*, gpu: bool, count: int) -> Compiled:
    """Left to Keras where there is a GPU, unless it is set; never on several devices.

    Of steps that are spread, XLA compiles none: a variable is on another device than what is
    compiled ("Known issues" of XLA's documentation), which Keras's own "auto" heeds, too.
    """
    if count > 1:
        if settings.GPU_XLA == "on":
            _logger.warning("GPU_XLA=on is not heeded: XLA can't compile for %s devices", count)
        return False
    if settings.GPU_XLA == "auto":
        return "auto" if gpu else False
    return settings.GPU_XLA == "on"


def _boards(keras: Any, name: str) -> list[Any]:
    """TensorBoard's log of this training, in a folder of its own."""
    if settings.TENSORBOARD_DIR is None:
        return []
    began = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    return [keras.callbacks.TensorBoard(str(settings.TENSORBOARD_DIR / name / began))]

"""The devices that a worker's environment offers to a network.

Keras and TensorFlow are handed in by who trains, since the SDK itself loads no model library. Which
devices there are is the environment's to say: ``CUDA_VISIBLE_DEVICES``.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.conf import settings

from lifecycle_engine.sdk.scorers import Progress

Result = TypeVar("Result")

#: Below this many rows a step costs more than what is in it, and memory is not what is short.
_LEAST_ROWS = 16


@dataclass(frozen=True)
class Devices:
    """What a network is trained with, and where.

    Attributes:
        keras: the library.
        count: over how many devices each batch is spread.
        scope: what the network has to be made and compiled in.
        exhausted: what says that a device's memory is full.
        callbacks: what Keras is to tell of each epoch.
    """

    keras: Any
    count: int = 1
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    exhausted: type[Exception] = MemoryError
    callbacks: Sequence[Any] = ()

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


def devices_found(keras: Any, tensorflow: Any, *, name: str) -> Devices:
    """All GPUs that this process sees, or else its processors.

    With several each batch is cut into equal parts, each device works out the gradient of its part,
    and all of them take the same step (``tf.distribute.MirroredStrategy``). So the network comes
    out as on one device, but for the order in which numbers are added.

    Args:
        keras: the library, on TensorFlow.
        tensorflow: the library.
        name: what is trained, such as a scorer's key; names the folder of its TensorBoard logs
            where the setting ``TENSORBOARD_DIR`` wants some.
    """
    exhausted = tensorflow.errors.ResourceExhaustedError
    known = tensorflow.config.list_logical_devices
    devices = known("GPU") or known("CPU")
    if len(devices) < 2:
        count, scope = 1, nullcontext
    else:
        strategy = tensorflow.distribute.MirroredStrategy([device.name for device in devices])
        count, scope = len(devices), strategy.scope
    return Devices(keras, count, scope, exhausted, _boards(keras, name))


def _boards(keras: Any, name: str) -> list[Any]:
    """TensorBoard's log of this training, in a folder of its own."""
    if settings.TENSORBOARD_DIR is None:
        return []
    began = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    return [keras.callbacks.TensorBoard(str(settings.TENSORBOARD_DIR / name / began))]

"""WGAN-GP: a network that makes rows up, taught by a critic that compares them with real ones."""

from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.devices import Devices, devices_found
from lifecycle_engine.sdk.registry import Config
from plugins.churn_predictor.tabular import LIMIT

Rows: TypeAlias = NDArray[np.float32]


class GanConfig(Config):
    """How the two networks are built and trained.

    The critic's steps, the weight of the penalty and the optimiser's moments are those of
    Gulrajani et al. 2017 (algorithm 1); the rest is for some thousands of rows on a processor.
    """

    noise: int = Field(default=32, ge=1)
    hidden: tuple[int, ...] = Field(default=(64, 64), min_length=1)
    steps: int = Field(default=500, ge=1, le=20_000)
    critic_steps: int = Field(default=5, ge=1, le=20)
    penalty: float = Field(default=10.0, gt=0)
    learning_rate: float = Field(default=5e-4, gt=0)
    batch_size: int = Field(default=128, ge=2)


def rows_made_up(
    real: Rows, *, flags: int, count: int, config: GanConfig, seed: int
) -> NDArray[np.float32]:
    """Train on real rows, and make others up that look like them.

    Where several devices are there, the networks are on the first of them: their steps are too
    small to be worth spreading. They are of 32 bits on any device: the loss has in it the square of
    a slope, which 16 bits can't hold, and nothing scales it in a loop of one's own.

    Args:
        real: scores of ``TableCode``, the last ``flags`` columns being 0 or 1: (rows, width).
        flags: how many columns say that something is missing.
        count: how many rows to make up.
        config: the networks and how long.
        seed: decides weights, batches and noise; equal seeds give equal rows.

    Returns:
        The rows, (count, width).
    """
    import keras
    import tensorflow

    devices = devices_found(keras, tensorflow, name="churn").single()

    def made_up(batch_size: int) -> Rows:
        devices.begin(seed)
        rng = np.random.default_rng(seed)
        with devices.scope():
            generator = _taught(devices, real, batch_size, flags=flags, config=config, rng=rng)
        noise = rng.standard_normal((count, config.noise))
        found: Rows = np.asarray(generator(noise.astype(np.float32), training=False))
        return found

    return devices.in_memory(made_up, rows=min(config.batch_size, len(real)))


def _taught(
    devices: Devices, real: Rows, batch_size: int, *, flags: int, config: GanConfig, rng: Generator
) -> Any:
    """The generator once both networks were trained."""
    keras, width = devices.keras, real.shape[1]
    generator = _generator(keras, width=width, flags=flags, config=config)
    critic = _network(keras, width, 1, config)
    step = _step(devices, generator, critic, config)
    batches = (config.critic_steps, batch_size)
    for _ in range(config.steps):
        chosen = real[rng.integers(len(real), size=batches)]
        noise = rng.standard_normal((config.critic_steps + 1, batch_size, config.noise))
        mixing = rng.random((*batches, 1))
        step(chosen, noise.astype(np.float32), mixing.astype(np.float32))
    return generator


def _network(keras: Any, inputs: int, outputs: int, config: GanConfig) -> Any:
    """Dense layers; none of them normalises over the batch, which would void the penalty."""
    layers = [keras.layers.Input((inputs,))]
    for units in config.hidden:
        layers += [keras.layers.Dense(units), keras.layers.LeakyReLU(0.2)]
    return keras.Sequential([*layers, keras.layers.Dense(outputs)])


def _generator(keras: Any, *, width: int, flags: int, config: GanConfig) -> Any:
    """Noise to rows: scores within their limit, flags between 0 and 1."""
    body = _network(keras, config.noise, width, config)
    inputs, outputs = body.inputs[0], body.outputs[0]
    scores = keras.ops.tanh(outputs[:, : width - flags]) * LIMIT
    if not flags:
        return keras.Model(inputs, scores)
    missing = keras.ops.sigmoid(outputs[:, width - flags :])
    return keras.Model(inputs, keras.ops.concatenate([scores, missing], axis=1))


def _step(devices: Devices, generator: Any, critic: Any, config: GanConfig) -> Any:
    """One step of the generator after those of the critic, compiled.

    It takes batches of real rows (critic steps, batch, width), noise (critic steps + 1, batch,
    noise), and where between a real and a made-up row the critic's slope is looked at
    (critic steps, batch, 1).
    """
    import tensorflow as tf

    ours, theirs = (
        devices.keras.optimizers.Adam(config.learning_rate, beta_1=0.0, beta_2=0.9)
        for _ in range(2)
    )
    ours.build(generator.trainable_variables)
    theirs.build(critic.trainable_variables)

    def critic_loss(real: Any, made_up: Any, mixing: Any) -> Any:
        between = made_up + mixing * (real - made_up)
        with tf.GradientTape() as tape:
            tape.watch(between)
            verdict = critic(between)
        slope = tf.sqrt(tf.reduce_sum(tape.gradient(verdict, between) ** 2, axis=1) + 1e-12)
        distance = tf.reduce_mean(critic(made_up)) - tf.reduce_mean(critic(real))
        return distance + config.penalty * tf.reduce_mean((slope - 1.0) ** 2)

    def step(real: Any, noise: Any, mixing: Any) -> None:
        for number in range(config.critic_steps):
            made_up = generator(noise[number])
            with tf.GradientTape() as tape:
                loss = critic_loss(real[number], made_up, mixing[number])
            theirs.apply(tape.gradient(loss, critic.trainable_variables))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(critic(generator(noise[config.critic_steps])))
        ours.apply(tape.gradient(loss, generator.trainable_variables))

    return tf.function(step, jit_compile=bool(devices.compiled))

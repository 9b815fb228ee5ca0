"""What callbacks know that a run that goes on needs: their own state, and the scalars of Keras'."""

from __future__ import annotations

from typing import Any

import keras

SCALARS: dict[type, tuple[str, ...]] = {
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.EarlyStopping: ("best", "wait", "stopped_epoch", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
}
"""Keras' callbacks that compare an epoch with earlier ones -> the attributes that hold these."""


def is_stateful(callback: Any) -> bool:
    """Whether it has a state to tell, or is one of Keras' whose state is known."""
    return hasattr(callback, "load_state_dict") or bool(_scalars(callback))


def state_of(callback: Any) -> Any:
    """Plain data for JSON."""
    if hasattr(callback, "load_state_dict"):
        return callback.state_dict()
    return {name: _plain(getattr(callback, name)) for name in _scalars(callback)}


def is_state_for(callback: Any, state: Any) -> bool:
    """Whether `load` can take it; of a callback that has a state of its own, only that knows."""
    if hasattr(callback, "load_state_dict"):
        return True
    return (
        isinstance(state, dict)
        and state.keys() == set(_scalars(callback))
        and all(v is None or type(v) in (int, float) for v in state.values())
    )


def load(callback: Any, state: Any) -> None:
    """Give a callback the state that `state_of` told."""
    if hasattr(callback, "load_state_dict"):
        callback.load_state_dict(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)


def lost_weights(callback: Any) -> bool:
    """Whether it is to give weights back that only the interrupted process had."""
    return (
        isinstance(callback, keras.callbacks.EarlyStopping)
        and callback.restore_best_weights
        and callback.best is not None
        and callback.best_weights is None
    )


def _scalars(callback: Any) -> tuple[str, ...]:
    return next((names for kind, names in SCALARS.items() if isinstance(callback, kind)), ())


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, int):
        return value
    return float(keras.ops.convert_to_numpy(value))

"""A training run as it stands between two steps, in one file and back.

The file is a safetensors file: the values of all variables, the state of NumPy's random generator,
and as bytes of JSON what else there is. Nothing in it is run or imported, and no tensor is read
before its shape is known to be that of the variable it is for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from mlmzoo.contract.errors import CheckpointError, InputError, PresetFormatError
from mlmzoo.presets.atomic import replacing
from mlmzoo.presets.contents import HeadState
from mlmzoo.presets.tensors.safetensors import SafetensorsFile
from mlmzoo.presets.writer import Entry, write_safetensors

FORMAT = 1
RECORD, RANDOM = "record", "random"
RECORD_LIMIT = 2**24
"""Most bytes of JSON: a history of 100,000 epochs."""
RANDOM_SHAPE = (624,)
"""Of the state of a Mersenne Twister, NumPy's global generator."""


@dataclass(frozen=True)
class Record:
    """All of a run but its variables.

    Args:
        epoch: Epoch to go on with, counted from 0.
        step: Steps of that epoch that are done.
        seed: Of masks and order.
        fingerprint: What has to be the same for the run to go on, see `TrainingRun`.
        head_state: See `mlmzoo.MaskedLM`.
        learning_rate: What the optimizer was compiled with, if that is one of its variables.
        history: ``epoch`` and ``history`` of Keras' `History`.
        callbacks: Class name and state of each callback that has one, see `callback_states`.
        random: NumPy's random generator, without its array.
        complete: Whether the run is over.
        format: Version of the file.
    """

    epoch: int
    step: int
    seed: int
    fingerprint: dict[str, Any]
    head_state: str
    learning_rate: float | None
    history: dict[str, Any]
    callbacks: list[Any] = field(default_factory=list)
    random: list[Any] = field(default_factory=list)
    complete: bool = False
    format: int = FORMAT


def write(path: Path, model: Any, record: Record) -> None:
    """Write a run's state, in place of the older one or not at all.

    One variable at a time is in memory once more meanwhile.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), default=lambda value: np.asarray(value).tolist())
    entries = [
        Entry(name, tuple(variable.shape), partial(_value, variable), str(variable.dtype))
        for name, variable in _variables(model, record.step).items()
    ]
    entries.append(_entry(RANDOM, random_state()[0]))
    entries.append(_entry(RECORD, np.frombuffer(text.encode(), np.uint8)))
    with replacing(path) as staging:
        write_safetensors(staging, entries)


def _entry(name: str, array: np.ndarray) -> Entry:
    return Entry(name, array.shape, lambda: array, str(array.dtype))


def _value(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable.value))


class StoredRun:
    """A run's state in a file.

    Args:
        path: The file.

    Raises:
        CheckpointError: It is not a sound checkpoint.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            self.record = self._read_record(file)

    def restore(self, model: Any) -> None:
        """Give a model's variables, and NumPy's random generator, their values.

        The model's optimizer is built; so are its metrics, in the middle of an epoch.

        Raises:
            CheckpointError: The variables are not those that the file has values for.
        """
        variables = _variables(model, self.record.step)
        with self._open() as file:
            self._refuse_others(file, variables)
            try:
                np.random.set_state(("MT19937", file.read(RANDOM), *self.record.random))
            except (TypeError, ValueError, OverflowError) as error:
                raise self._unsound(f"its random generator is none ({error})") from error
            for name, variable in variables.items():
                variable.assign(file.read(name))
        model.head_state = self.record.head_state

    def _open(self) -> SafetensorsFile:
        try:
            return SafetensorsFile(self.path)
        except PresetFormatError as error:
            raise self._unsound(str(error)) from error

    def _refuse_others(self, file: SafetensorsFile, variables: Mapping[str, Any]) -> None:
        wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
        wanted[RANDOM] = RANDOM_SHAPE
        found = {name: file.shape(name) for name in file.names() - {RECORD}}
        differ = sorted(n for n in wanted | found if wanted.get(n) != found.get(n))
        if not differ:
            return
        shown = ", ".join(
            f"{n} ({found.get(n, 'not')} there, {wanted.get(n, 'not')} here)" for n in differ[:5]
        )
        raise CheckpointError(
            f"The run in {self.path} was to go on, and {len(differ)} of its variables are others: "
            f"{shown}. Compile the model as it was, or name another file for a new run."
        )

    def _read_record(self, file: SafetensorsFile) -> Record:
        shape = file.shape(RECORD) if RECORD in file.names() else ()
        if len(shape) != 1 or shape[0] > RECORD_LIMIT or file.dtype(RECORD) != np.uint8:
            raise self._unsound("it holds no record of a run")
        try:
            record = json.loads(file.read(RECORD).tobytes())
        except (ValueError, RecursionError) as error:
            raise self._unsound("its record is not JSON") from error
        if not isinstance(record, dict) or record.keys() != {e.name for e in fields(Record)}:
            raise self._unsound("its record has other entries")
        if record["format"] != FORMAT:
            raise CheckpointError(
                f"{self.path} is a checkpoint of format {record['format']!r}, and this version "
                f"of mlmzoo reads format {FORMAT}. Go on with the version that wrote it."
            )
        kinds = dict.fromkeys(("epoch", "step", "seed"), int) | {
            "fingerprint": dict,
            "head_state": str,
            "history": dict,
            "callbacks": list,
            "random": list,
            "complete": bool,
        }
        for name, kind in kinds.items():
            if type(record[name]) is not kind or (kind is int and record[name] < 0):
                raise self._unsound(f"its record has {name} = {record[name]!r:.200}")
        for name, sound in _FORMS.items():
            if not sound(record[name]):
                raise self._unsound(f"its record has {name} = {record[name]!r:.200}")
        return Record(**record)

    def _unsound(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path} was to be read as a checkpoint of a training run, and cannot be: {what}. "
            "Remove it to begin anew."
        )


def _variables(model: Any, step: int) -> dict[str, Any]:
    """What `keras.Model.get_state_tree` holds, by place and not by name.

    Keras numbers names within a process, so those of the same model differ between two processes.
    Metrics begin anew with an epoch: they matter in the middle of one only.
    """
    parts = {
        "trainable": model.trainable_variables,
        "non_trainable": model.non_trainable_variables,
        "optimizer": model.optimizer.variables,
        "metrics": model.metrics_variables if step else [],
    }
    return {
        f"{part}/{place}": variable
        for part, variables in parts.items()
        for place, variable in enumerate(variables)
    }


def _is_history(value: dict[str, Any]) -> bool:
    if value.keys() != {"epoch", "history"} or not isinstance(value["history"], dict):
        return False
    return all(isinstance(each, list) for each in (value["epoch"], *value["history"].values()))


def _are_states(value: list[Any]) -> bool:
    return all(isinstance(e, list) and len(e) == 2 and isinstance(e[0], str) for e in value)


_FORMS: dict[str, Callable[[Any], bool]] = {
    "head_state": get_args(HeadState).__contains__,
    "learning_rate": lambda value: value is None or type(value) is float,
    "history": _is_history,
    "callbacks": _are_states,
}


def random_state() -> tuple[np.ndarray, list[Any]]:
    """NumPy's random generator: its array, and what `Record.random` is.

    Raises:
        InputError: It is another one than NumPy begins with.
    """
    state: Any = np.random.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise InputError(
            f"A training run was to be kept, and NumPy's global random generator is "
            f"{state['bit_generator']}: only MT19937, the one that NumPy begins with, is kept. "
            "Leave out np.random.set_bit_generator, and use a generator of your own instead."
        )
    inner = state["state"]
    return inner["key"], [inner["pos"], state["has_gauss"], state["gauss"]]

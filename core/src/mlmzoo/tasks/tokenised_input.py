"""Tokenised input on its way to Keras: arrays are looked at as a whole, streams batch by batch."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from mlmzoo.contract.errors import InputError
from mlmzoo.data.pipeline import MaskedBatches
from mlmzoo.data.tokenised import TokenisedForm, as_arrays, on_host
from mlmzoo.tasks.matching import longest_row


def form_of(task: Any) -> TokenisedForm:
    """What a masked LM takes."""
    backbone = task.backbone
    return TokenisedForm(
        names=(*backbone.input, "mask_positions"),
        vocabulary_size=backbone.token_embedding.input_dim,
        positions=longest_row(backbone),
        segments=getattr(backbone, "num_segments", None),
        labelled=isinstance(
            getattr(task, "loss", None), keras.losses.SparseCategoricalCrossentropy
        ),
    )


class TokenisedInput:
    """Tokenised input as Keras takes it, looked at before it arrives there.

    Args:
        task: The masked LM.
        x: A dict of arrays, a tuple of it with labels and weights, or a stream of these.
        y: Labels, beside arrays alone.
        sample_weight: Weights, beside arrays alone.
        training: Whether there must be labels.
        whole: Whether arrays are all of the data, and not a batch that may happen to hold nothing.

    Raises:
        InputError: Arrays are no input of this task. Of a stream that is said at the batch that
            is none.
    """

    def __init__(
        self,
        task: Any,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        training: bool = True,
        whole: bool = True,
    ) -> None:
        self._look = _Look(form_of(task), training)
        if isinstance(x, tuple):
            x, y, sample_weight = _merged(x, y, sample_weight)
        self.in_memory = isinstance(x, Mapping)
        if self.in_memory:
            x, y, sample_weight = map(as_arrays, (x, y, sample_weight))
            if sample_weight is not None:
                sample_weight = on_host(sample_weight)
            self._look((x, y, sample_weight), "tokenised input")
            if whole and training and sample_weight is not None:
                _refuse_no_weight(sample_weight)
        elif y is not None or sample_weight is not None:
            raise InputError(
                f"Asked to read a {type(x).__name__} of tokenised input; found y or sample_weight "
                "beside it. Let each of its elements be (dict, labels, weights)."
            )
        self.x: Any = x if self.in_memory else _watched(x, self._look)
        self.y, self.sample_weight = y, sample_weight

    @property
    def fault(self) -> Exception | None:
        """What went wrong in a stream, where the backend tells another story."""
        return self._look.fault

    @property
    def as_validation_data(self) -> Any:
        """What Keras takes for this argument."""
        return (self.x, self.y, self.sample_weight) if self.in_memory else self.x


class _Look:
    """Looks at batches, and remembers what was wrong with one."""

    fault: Exception | None = None

    def __init__(self, form: TokenisedForm, training: bool) -> None:
        self._form, self._training = form, training

    def __call__(self, batch: Any, where: str) -> None:
        parts = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
        if not 1 <= len(parts) <= 3:
            raise InputError(
                f"Asked to read {where}; found {len(parts)} parts. Give (dict, labels, weights)."
            )
        x, y, sample_weight = (*parts, None, None)[:3]
        self._form.check(x, y, sample_weight, where, self._training)

    def through(self, stream: Iterable[Any], name: str) -> Iterator[Any]:
        """The batches of a stream, each looked at; whatever it raises is remembered."""
        with self.remembering():
            for number, batch in enumerate(stream):
                self(batch, f"batch {number} of a {name}")
                yield batch

    @contextmanager
    def remembering(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.fault = error
            raise


def _watched(x: Any, look: _Look) -> Any:
    """The same stream for Keras, of which each batch is looked at."""
    kinds = {kind.__name__: kind.__module__ for kind in type(x).__mro__}
    if isinstance(x, MaskedBatches):
        return x
    if isinstance(x, keras.utils.PyDataset):
        return _WatchedDataset(x, look)
    if kinds.get("DatasetV2", "").startswith("tensorflow.python"):
        return _watched_tensors(x, look)
    if kinds.get("DataLoader", "").startswith("torch.utils.data"):
        return _watched_loader(x, look)
    if any(kinds.get(kind, "").startswith("grain") for kind in ("MapDataset", "IterDataset")):
        return x.map(_Mapped(look))
    if hasattr(x, "__next__"):
        return _tuples(look.through(x, "stream"))
    return x  # Keras says what it makes of it


def _tuples(batches: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
    # A generator of tuples, for Keras takes nothing else.
    for batch in batches:
        yield tuple(batch) if isinstance(batch, tuple | list) else (batch,)


def _watched_tensors(dataset: Any, look: _Look) -> Any:
    tf: Any = sys.modules["tensorflow"]
    spec = dataset.element_spec
    if not all(isinstance(part, tf.TensorSpec) for part in tf.nest.flatten(spec)):
        return dataset

    def at(number: Any, *arrays: Any) -> None:
        with look.remembering():
            look(tf.nest.pack_sequence_as(spec, arrays), f"batch {number} of a tf.data.Dataset")

    def watched(number: Any, batch: Any) -> Any:
        looked = tf.numpy_function(at, [number, *tf.nest.flatten(batch)], [])
        with tf.control_dependencies([looked]):
            return tf.nest.map_structure(tf.identity, batch)

    return dataset.enumerate().map(watched)


def _watched_loader(loader: Any, look: _Look) -> Any:
    kind: Any = type(loader)

    def batches(self: Any) -> Iterator[Any]:
        return look.through(kind.__iter__(self), kind.__name__)

    watched = copy.copy(loader)
    watched.__class__ = type(kind.__name__, (kind,), {"__iter__": batches})
    return watched


class _WatchedDataset(keras.utils.PyDataset):
    """A `PyDataset` of the user's, each of its batches looked at."""

    def __init__(self, dataset: Any, look: _Look) -> None:
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self._dataset, self._look = dataset, look

    @property
    def num_batches(self) -> Any:
        return self._dataset.num_batches

    def __getitem__(self, index: int) -> Any:
        with self._look.remembering():
            batch = self._dataset[index]
            self._look(batch, f"batch {index} of a {type(self._dataset).__name__}")
        return batch

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()


class _Mapped:
    """A look at a batch, as a function that can be sent to a worker."""

    def __init__(self, look: _Look) -> None:
        self._look = look

    def __call__(self, batch: Any) -> Any:
        self._look(batch, "a batch of a stream")
        return batch


@contextmanager
def own_faults(task: Any, *sources: Any) -> Iterator[None]:
    """Raise what a source of data says went wrong, rather than what the backend says of it.

    And whatever went wrong, the task keeps its weights: on JAX, Keras takes them out of the model
    while it computes, and puts them back only where all went well (keras 3.15).
    """
    try:
        yield
    except BaseException as error:
        if hasattr(task, "jax_state_sync"):
            task.jax_state_sync()
            task._jax_state = None
        for source in sources:
            fault = getattr(source, "fault", None)
            if isinstance(error, Exception) and fault not in (None, error):
                raise fault from None
        raise


def _refuse_no_weight(sample_weight: Any) -> None:
    if not on_host(sample_weight).any():
        raise InputError(
            "Asked to read tokenised input; found that every sample_weight is 0, so there is "
            "nothing to learn from or to judge by. Give some of them more."
        )


def _merged(x: tuple[Any, ...], y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """The parts of ``(x, y, sample_weight)``, given as one or beside it."""
    if len(x) > 3 or (len(x) > 1 and (y is not None or sample_weight is not None)):
        raise InputError(
            f"Asked to read tokenised input; found a tuple of {len(x)} parts"
            f"{' beside y or sample_weight' if len(x) <= 3 else ''}. Give a dict and, once, its "
            "labels and weights."
        )
    return (*x, None, None)[:3] if len(x) > 1 else (x[0], y, sample_weight)

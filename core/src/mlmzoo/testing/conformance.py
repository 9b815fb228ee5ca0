"""`FamilyConformance`: the promises every family keeps, on whichever backend is active."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import QuantizedModelError, RandomHeadError
from mlmzoo.contract.records import Family
from mlmzoo.plugins import registry
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.saving import load_model
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing.tiny import CORPUS, tiny_task

TOLERANCE = 2e-5
EAGER = keras.backend.backend() != "jax"
"""Compiling a tiny model takes longer than using it; but JAX, run eagerly, compiles every operation
for itself, which takes longer still."""


class FamilyConformance:
    """Inherit it, name the family, and every promise below is tested.

    Attributes:
        family_name: Name of the family.
        settings: Constructor arguments of the backbone that override the tiny ones derived from
            the family's first preset.

    Example:
        class TestBert(FamilyConformance):
            family_name = "bert"
    """

    family_name: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def family(self) -> Family:
        """The family's record."""
        return registry().family(self.family_name)

    @pytest.fixture
    def task(self, family: Family) -> MaskedLM:
        """A tiny masked LM with random weights."""
        set_seed(1)
        return self.make(family)

    def make(self, family: Family, **kwargs: Any) -> MaskedLM:
        """A tiny masked LM of the family."""
        task: MaskedLM = tiny_task(family, self.settings, **kwargs)
        task.compile(run_eagerly=EAGER)
        return task

    # Shapes and configuration ---------------------------------------------------------------------

    def test_config_round_trip(self, task: MaskedLM) -> None:
        """A model made from another's config has the same config and computes the same.

        Troubleshooting: every constructor argument belongs into `settings`.
        """
        twin = type(task).from_config(task.get_config())
        assert twin.get_config() == task.get_config()
        twin.set_weights(task.get_weights())
        np.testing.assert_allclose(_logits(twin), _logits(task), atol=TOLERANCE)

    def test_any_length_up_to_the_limit(self, task: MaskedLM) -> None:
        """Rows of several lengths go through one model.

        Troubleshooting: read lengths with `keras.ops.shape`, not from the constructor.
        """
        dim = task.backbone.output["sequence_output"].shape[-1]
        for length in (3, 8, 17):
            batch = _tokens(task, CORPUS[:2], length)
            inputs = {name: batch[name] for name in task.backbone.input}
            assert task.backbone(inputs)["sequence_output"].shape == (2, length, dim)

    def test_padding_leaves_answers_alone(self, task: MaskedLM) -> None:
        """More padding changes nothing for real tokens; or the family pads to one length always.

        Troubleshooting: hide positions where ``padding_mask`` is 0 from every token's attention. A
        backbone that takes no ``padding_mask`` has ``batching = "fixed"`` in its preprocessor.
        """
        if "padding_mask" not in task.backbone.input:
            assert task.preprocessor.batching == "fixed"
            return
        short, long = (_sequence(task, CORPUS[:3], length) for length in (18, 24))
        mask = _tokens(task, CORPUS[:3], 18)["padding_mask"].astype(bool)
        np.testing.assert_allclose(short[mask], long[:, :18][mask], atol=TOLERANCE)

    def test_texts_of_one_row_leave_each_other_alone(self, task: MaskedLM) -> None:
        """Several texts packed into one row give what each gives in a row of its own.

        Troubleshooting: ``padding_mask`` holds the number of the text (1, 2, …), or 0 for padding.
        Take who attends to whom from `mlmzoo.kit.layers.visible_tokens`, and positions, where
        they are absolute, from `positions_in_text`. A family that cannot does not say
        ``batching = "packed"`` in its preprocessor.
        """
        if task.preprocessor.batching != "packed":
            return
        names = task.backbone.input
        rows = {name: x for name, x in _tokens(task, CORPUS[:3], 14).items() if name in names}
        real = rows["padding_mask"].astype(bool)
        alone = _hidden(task, rows)[real]
        numbers = rows["padding_mask"] * np.arange(1, len(real) + 1)[:, None]
        rows["padding_mask"] = numbers.astype("int32")
        padding = {name: np.zeros((1, 4), "int32") for name in rows}
        packed = {name: np.append(x[real][None], padding[name], 1) for name, x in rows.items()}
        together = _hidden(task, packed)[0, : real.sum()]
        np.testing.assert_allclose(together, alone, atol=TOLERANCE)

    # Saving and loading ---------------------------------------------------------------------------

    @pytest.mark.parametrize("layout", ["keras", "transformers"])
    def test_save_and_load(self, task: MaskedLM, layout: str, tmp_path: Path) -> None:
        """A preset comes back with equal weights, tokens, answers and head state.

        Troubleshooting: a row of the weight table names the wrong variable or shape.
        """
        task.head_state = "trained"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task.save_to_preset(tmp_path / "preset", layout=layout)
        twin = MaskedLM.from_preset(tmp_path / "preset")
        assert type(twin) is type(task)
        assert twin.head_state == "trained"
        assert twin.load_report.missing == ()
        assert twin.load_report.unexpected == ()
        np.testing.assert_allclose(_logits(twin), _logits(task), atol=TOLERANCE)
        for text in CORPUS:
            np.testing.assert_array_equal(
                twin.preprocessor.tokenizer(text), task.preprocessor.tokenizer(text)
            )

    def test_a_random_head_stays_random_and_refuses(self, task: MaskedLM, tmp_path: Path) -> None:
        """A head that was never trained still refuses after saving and loading.

        Troubleshooting: let `MaskedLM` keep `head_state`; do not set it in the constructor.
        """
        task.save(tmp_path / "task.keras")
        with pytest.raises(RandomHeadError):
            load_model(tmp_path / "task.keras").fill_mask(self.masked(task))

    def test_keras_file_round_trip(self, task: MaskedLM, tmp_path: Path) -> None:
        """A ``.keras`` file holds model, tokenizer, preprocessor and head state.

        Troubleshooting: `get_config` must return plain JSON values.
        """
        task.head_state = "trained"
        task.save(tmp_path / "task.keras")
        twin = load_model(tmp_path / "task.keras")
        assert twin.head_state == "trained"
        assert twin.fill_mask(self.masked(task)) == task.fill_mask(self.masked(task))

    # The main job ---------------------------------------------------------------------------------

    def masked(self, task: MaskedLM) -> str:
        """A text with one mask."""
        return f"And God saw the {task.preprocessor.tokenizer.mask_token} that was good."

    def test_fit_evaluate_predict_fill_mask(self, task: MaskedLM) -> None:
        """Raw text goes in everywhere, and training makes the head answer.

        Troubleshooting: see the traceback; the smaller tests above narrow it down.
        """
        task.compile()
        with pytest.raises(RandomHeadError):
            task.fill_mask(self.masked(task))
        history = task.fit(list(CORPUS), batch_size=4, verbose=0)
        assert np.isfinite(history.history["loss"][0])
        assert task.head_state == "trained"
        first = task.evaluate(list(CORPUS), batch_size=3, return_dict=True, verbose=0)
        second = task.evaluate(list(CORPUS), batch_size=8, return_dict=True, verbose=0)
        for name in ("loss", "sparse_categorical_accuracy"):
            assert first[name] == pytest.approx(second[name], abs=1e-5)
        (logits,) = task.predict([self.masked(task)], verbose=0)
        assert logits.shape == (1, task.preprocessor.tokenizer.vocabulary_size())
        answer = task.fill_mask(self.masked(task), top_k=3).masks[0].candidates
        assert [c.id for c in answer] == list(np.argsort(-logits[0], kind="stable")[:3])

    def test_the_loss_falls(self, task: MaskedLM) -> None:
        """A few epochs on eight lines lower the loss.

        Troubleshooting: look for a variable that gets no gradient, or labels out of place.
        """
        task.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=EAGER)
        judged = list(CORPUS) * 16  # each line with other masks, of which it has few
        before = task.evaluate(judged, verbose=0, return_dict=True)["loss"]
        task.fit(list(CORPUS), batch_size=8, epochs=24, verbose=0)
        after = task.evaluate(judged, verbose=0, return_dict=True)["loss"]
        assert after < before - 0.3

    def test_the_same_seed_trains_the_same(self, family: Family) -> None:
        """Two runs from one seed end with equal weights.

        Troubleshooting: every random number comes from Keras' seeds or the preprocessor's.
        """
        runs = []
        for _ in range(2):
            set_seed(3)
            task = self.make(family, seed=5)
            task.fit(list(CORPUS), batch_size=4, epochs=1, verbose=0)
            runs.append(task.get_weights())
        for one, other in zip(*runs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    # Ways of computing ----------------------------------------------------------------------------

    def test_mixed_precision(self, family: Family) -> None:
        """``mixed_bfloat16`` computes in bfloat16, keeps float32 weights, and trains.

        Troubleshooting: pass `dtype` on to every layer of the graph.
        """
        task = self.make(family, dtype="mixed_bfloat16")
        assert {keras.backend.standardize_dtype(w.dtype) for w in task.weights} == {"float32"}
        assert keras.backend.standardize_dtype(task(_inputs(task)).dtype) == "bfloat16"
        history = task.fit(list(CORPUS), batch_size=8, verbose=0)
        assert np.isfinite(history.history["loss"][0])

    def test_jit_compile(self, family: Family) -> None:
        """The step compiles as a whole on TensorFlow and JAX, and computes the same.

        Troubleshooting: no Python branch may depend on a tensor's value.
        """
        if keras.backend.backend() == "torch":
            pytest.skip("torch.compile takes minutes a model")
        task = tiny_task(family, {**self.settings, "num_layers": 1})
        task.compile(run_eagerly=EAGER)
        plain = task.evaluate(list(CORPUS), verbose=0, return_dict=True)["loss"]
        task.compile(jit_compile=True)
        compiled = task.evaluate(list(CORPUS), verbose=0, return_dict=True)["loss"]
        assert compiled == pytest.approx(plain, abs=1e-4)
        task.fit(list(CORPUS), batch_size=8, verbose=0)

    def test_lora(self, task: MaskedLM, tmp_path: Path) -> None:
        """LoRA trains a small part of the weights, and is merged when saved.

        Troubleshooting: `Backbone.lora_targets` names the dense layers to be updated.
        """
        if not task.backbone.lora_targets:
            pytest.skip("declared: this family has no dense layers to update")
        before = task.backbone.count_params()
        task.backbone.enable_lora(2)
        trainable = sum(int(np.prod(w.shape)) for w in task.backbone.trainable_weights)
        assert trainable < before / 4
        task.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=EAGER)
        task.fit(list(CORPUS), batch_size=8, epochs=2, verbose=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task.save_to_preset(tmp_path / "preset")
        twin = MaskedLM.from_preset(tmp_path / "preset")
        np.testing.assert_allclose(_logits(twin), _logits(task), atol=TOLERANCE)

    @pytest.fixture
    def little_garbage(self) -> Iterator[None]:
        """Keras collects garbage after every layer that it quantises: half a second each."""
        gc.freeze()
        yield
        gc.unfreeze()

    @pytest.mark.usefixtures("little_garbage")
    def test_int8(self, task: MaskedLM, tmp_path: Path) -> None:
        """Quantised to int8, probabilities stay within 0.02, also after saving as ``.keras``.

        Troubleshooting: project onto the vocabulary through the embedding layer, not its matrix.
        """
        before = _softmax(_logits(task))
        task.quantize("int8")
        np.testing.assert_allclose(_softmax(_logits(task)), before, atol=0.02)
        with pytest.raises(QuantizedModelError, match=r"model\.save"):
            task.save_to_preset(tmp_path / "preset")
        task.save(tmp_path / "task.keras")
        twin = load_model(tmp_path / "task.keras")
        np.testing.assert_allclose(_logits(twin), _logits(task), atol=1e-4)

    # Tokenizer ------------------------------------------------------------------------------------

    def test_tokenizer_round_trip(self, task: MaskedLM) -> None:
        """Text comes back from its tokens, and every id has a token of its own.

        Troubleshooting: `detokenize` must undo what the tokenizer's pieces encode.
        """
        tokenizer = task.preprocessor.tokenizer
        for text in CORPUS:
            again = tokenizer.detokenize(tokenizer(text))
            assert list(tokenizer(again)) == list(tokenizer(text))
        vocabulary = tokenizer.get_vocabulary()
        assert len(vocabulary) == tokenizer.vocabulary_size()
        assert list(map(tokenizer.token_to_id, vocabulary)) == list(range(len(vocabulary)))

    def test_text_cannot_smuggle_special_tokens(self, task: MaskedLM) -> None:
        """A mask spelt out in training text is plain characters.

        Troubleshooting: `encode(texts, "none")` recognises no special token.
        """
        tokenizer = task.preprocessor.tokenizer
        assert tokenizer.mask_token_id not in tokenizer(f"the {tokenizer.mask_token} day")


def _inputs(task: MaskedLM) -> dict[str, np.ndarray]:
    inputs = _tokens(task, CORPUS[:4], 20)
    return {**inputs, "mask_positions": np.array([[1, 3], [2, 4], [1, 2], [3, 5]], "int32")}


def _tokens(task: MaskedLM, texts: tuple[str, ...], length: int) -> dict[str, np.ndarray]:
    tokenizer = task.preprocessor.tokenizer
    rows = [tokenizer.encode([text])[0][: min(12, length - 2)] for text in texts]
    token_ids = np.full((len(rows), length), tokenizer.pad_token_id, "int32")
    padding_mask = np.zeros((len(rows), length), "int32")
    for i, ids in enumerate(rows):
        row = [tokenizer.start_token_id, *ids, tokenizer.end_token_id]
        token_ids[i, : len(row)] = row
        padding_mask[i, : len(row)] = 1
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    if "segment_ids" in task.backbone.input:
        inputs["segment_ids"] = np.zeros_like(token_ids)
    return inputs


def _logits(task: MaskedLM) -> np.ndarray:
    return keras.ops.convert_to_numpy(task(_inputs(task), training=False))


def _sequence(task: MaskedLM, texts: tuple[str, ...], length: int) -> np.ndarray:
    inputs = _tokens(task, texts, length)
    return _hidden(task, {name: inputs[name] for name in task.backbone.input})


def _hidden(task: MaskedLM, inputs: dict[str, np.ndarray]) -> np.ndarray:
    return keras.ops.convert_to_numpy(task.backbone(inputs, training=False)["sequence_output"])


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

"""Promises about ways of computing: precision, compilation, LoRA and quantisation."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import QuantizedModelError
from mlmzoo.contract.records import Family
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.saving import load_model
from mlmzoo.testing.asking import logits, probabilities, questions
from mlmzoo.testing.promises import EAGER, TOLERANCE, Promises
from mlmzoo.testing.tiny import CORPUS, tiny_task


class ComputingPromises(Promises):
    """Mixed precision, jit, LoRA and int8."""

    def test_mixed_precision(self, family: Family) -> None:
        """``mixed_bfloat16`` computes in bfloat16 throughout, keeps float32 weights, and trains.

        Troubleshooting: pass `dtype` on to every layer of the graph.
        """
        task = self.make(family, dtype="mixed_bfloat16")
        assert {keras.backend.standardize_dtype(w.dtype) for w in task.weights} == {"float32"}
        others = {
            layer.name: layer.compute_dtype
            for layer in task._flatten_layers(include_self=False)
            if layer.weights and layer.compute_dtype != "bfloat16"
        }
        assert not others
        assert keras.backend.standardize_dtype(task(questions(task)).dtype) == "bfloat16"
        history = task.fit(list(CORPUS), batch_size=8, verbose=0)
        assert np.isfinite(history.history["loss"][0])

    def test_jit_compile(self, family: Family) -> None:
        """The step compiles as a whole on TensorFlow and JAX, and computes the same.

        Troubleshooting: no Python branch may depend on a tensor's value.
        """
        if keras.backend.backend() == "torch":
            pytest.skip("torch.compile takes minutes a model")
        task = self.make(family)
        if "num_layers" in task.backbone.settings:
            task = tiny_task(family, {**self.settings, "num_layers": 1})
        task.compile(run_eagerly=EAGER)
        plain = task.evaluate(list(CORPUS), verbose=0, return_dict=True)["loss"]
        task.compile(jit_compile=True)
        compiled = task.evaluate(list(CORPUS), verbose=0, return_dict=True)["loss"]
        assert compiled == pytest.approx(plain, abs=1e-4)
        task.fit(list(CORPUS), batch_size=8, verbose=0)

    def test_lora(self, family: Family, task: MaskedLM, tmp_path: Path) -> None:
        """LoRA trains a small part of the weights, and is merged when saved.

        Troubleshooting: `Backbone.lora_targets` names the dense layers to be updated.
        """
        if not task.backbone.lora_targets:
            pytest.skip("declared: lora_targets = (), there are no dense layers to update")
        before = task.backbone.count_params()
        task.backbone.enable_lora(2)
        trainable = sum(int(np.prod(w.shape)) for w in task.backbone.trainable_weights)
        assert trainable < before / 4
        task.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=EAGER)
        task.fit(list(CORPUS), batch_size=8, epochs=2, verbose=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layout = "keras" if family.serialized_names else "transformers"
            task.save_to_preset(tmp_path / "preset", layout=layout)
        twin = MaskedLM.from_preset(tmp_path / "preset")
        np.testing.assert_allclose(logits(twin), logits(task), atol=TOLERANCE)

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
        before = probabilities(logits(task))
        task.quantize("int8")
        np.testing.assert_allclose(probabilities(logits(task)), before, atol=0.02)
        with pytest.raises(QuantizedModelError, match=r"model\.save"):
            task.save_to_preset(tmp_path / "preset")
        task.save(tmp_path / "task.keras")
        twin = load_model(tmp_path / "task.keras")
        np.testing.assert_allclose(logits(twin), logits(task), atol=1e-4)

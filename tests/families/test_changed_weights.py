"""LoRA and quantisation put other weights in the place of those that a model was compiled with."""

import keras
import numpy as np
import pytest

from mlmzoo.plugins import registry
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing import tiny_task

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only there compiled steps hold weights"
)


def make():
    set_seed(1)
    task = tiny_task(registry().family("distil_bert"), head_state="trained")
    task.preprocessor.seed = 1
    return task


def answers(task):
    """What a task says, through every model and step that is compiled for it."""
    words = task.preprocessor.tokenizer.get_vocabulary()[8:12]
    text = " ".join(words)
    masked = " ".join([task.preprocessor.tokenizer.mask_token, *words])
    return {
        "embed": task.embed(text),
        "score": task.score(text).log_probability,
        "logits": task.predict([masked], verbose=0)[0],
        "loss": task.evaluate([text] * 4, verbose=0)[0],
    }


def lora(task):
    task.backbone.enable_lora(2)
    draws = np.random.default_rng(1)
    for layer in task.backbone._flatten_layers():
        if getattr(layer, "lora_enabled", False):
            for kernel in (layer.lora_kernel_a, layer.lora_kernel_b):
                kernel.assign(draws.normal(size=kernel.shape))


@pytest.mark.parametrize(
    "change", [lora, lambda task: task.quantize("int8")], ids=["lora", "quantised"]
)
def test_answers_are_those_of_the_weights_that_are_there(change):
    task, fresh = make(), make()
    before = answers(task)
    for each in (task, fresh):
        change(each)
    wanted = answers(fresh)
    for name, found in answers(task).items():
        np.testing.assert_allclose(found, wanted[name], atol=1e-5, err_msg=name)
        assert np.abs(np.asarray(found) - before[name]).max() > 1e-4, name

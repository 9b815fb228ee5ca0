"""The same seed gives the same masks, byte for byte, on each backend."""

import hashlib

import keras
import numpy as np
import pytest

from mlmzoo.models import BertBackbone, BertMaskedLM, BertMaskedLMPreprocessor

pytestmark = pytest.mark.interop

NAMES = ("token_ids", "padding_mask", "segment_ids", "mask_positions")

# Taken once, of 64 lines of the corpus with MiniLM's vocabulary. Whatever changes them changes the
# masks of everybody's seeded runs.
FIRST_CALLS = "1b36af217a3417eb5ebbcb21222da6e1a6220bfa02c226ec73bd1c8c59babcb1"
FIRST_BATCHES = "196c4e9c5450dd1c2867b0f4fc06a52ff4c11a7b7932bb87cab25ab637d8543c"


@pytest.fixture
def preprocessor(minilm):
    return BertMaskedLMPreprocessor.from_preset(minilm, sequence_length=64, seed=42)


@pytest.fixture
def lines(corpus):
    return corpus[:64]


def digest(batches):
    """SHA-256 of batches as integers and floats of 32 bits, little-endian."""
    result = hashlib.sha256()
    for x, y, weight in batches:
        for array in (*(x[name] for name in NAMES), y):
            result.update(np.ascontiguousarray(array, "<i4").tobytes())
        result.update(np.ascontiguousarray(weight, "<f4").tobytes())
    return result.hexdigest()


class Recorder(BertMaskedLM):
    """Keeps what the backend hands to a training step, and does not train."""

    def train_step(self, *arguments):
        *state, (x, y, weight) = arguments  # JAX hands over the state, too
        numpy = keras.ops.convert_to_numpy
        batch = {name: numpy(value) for name, value in x.items()}
        self.seen.append((batch, numpy(y), numpy(weight)))
        logs = self.get_metrics_result()
        return (logs, *state) if state else logs

    def get_metrics_result(self):
        return {"loss": 0.0}


def test_the_same_seed_gives_the_same_masks_in_calls_on_each_backend(preprocessor, lines):
    batches = [preprocessor(lines[:32]), preprocessor(lines[32:])]
    assert digest(batches) == FIRST_CALLS


def test_the_same_seed_trains_on_the_same_batches_on_each_backend(preprocessor, lines):
    size = preprocessor.tokenizer.vocabulary_size()
    backbone = BertBackbone(
        size, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4, max_sequence_length=64
    )
    recorder = Recorder(backbone, preprocessor)
    recorder.compile(run_eagerly=True, jit_compile=False)
    recorder.seen = []
    recorder.fit(lines, batch_size=16, epochs=2, verbose=0)
    assert digest(recorder.seen) == FIRST_BATCHES
    half = len(recorder.seen) // 2
    assert digest(recorder.seen[:half]) != digest(recorder.seen[half:])  # new ones every epoch

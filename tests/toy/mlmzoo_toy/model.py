"""The toy's classes."""

import re
from collections import Counter

import keras
from keras import ops

from mlmzoo import Backbone, MaskedLM, MaskedLMPreprocessor, Tokenizer
from mlmzoo.kit.layers import (
    PositionEmbedding,
    kernel_initializer,
    token_embedding,
    visible_tokens,
)
from mlmzoo.kit.tokenizers.growth import Addition
from mlmzoo.kit.tokenizers.transformers_files import missing
from mlmzoo.kit.tokenizers.words import BEGINS

SPECIALS = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}


class ToyTokenizer(Tokenizer):
    """Words between spaces, lower-cased."""

    special_tokens = SPECIALS
    start = "cls"
    end = "sep"

    @classmethod
    def train(cls, texts, vocabulary_size):
        words = Counter(word for text in texts for word in text.lower().split())
        common = [word for word, _ in words.most_common(vocabulary_size - len(SPECIALS))]
        return cls([*SPECIALS.values(), *common])

    def _encode_batch(self, texts, specials):
        seen = {"none": (), "mask": (self.mask_token,), "all": SPECIALS.values()}[specials]
        hidden = set(SPECIALS.values()) - set(seen)
        return [
            [
                self.unk_token_id if word in hidden else self._ids.get(word, self.unk_token_id)
                for word in text.lower().split()
            ]
            for text in texts
        ]

    def _encode_offsets(self, texts, specials):
        spans = [[word.span() for word in re.finditer(r"\S+", text)] for text in texts]
        return self._encode_batch(texts, specials), spans

    def _word_flags(self, token):
        return BEGINS

    def _additions(self, texts):
        pieces = (tuple(self.encode([text])[0]) for text in texts)
        return [Addition(t, t, t.lower(), ids, True) for t, ids in zip(texts, pieces, strict=True)]

    def _enlarged(self, words, others):
        return {"vocabulary": [*self._tokens, *(word.token for word in words)]}

    def _decode(self, ids):
        return " ".join(self.id_to_token(id) for id in ids)

    @classmethod
    def _read_files(cls, files, layout, config):
        name = "assets/tokenizer/vocabulary.txt" if layout == "keras" else "vocab.txt"
        path = files.path(name)
        if path is None:
            raise missing(files, name)
        return {**config, "vocabulary": path.read_text("utf-8").splitlines()}, ()

    def write_files(self, directory, layout="keras"):
        path = directory / ("assets/tokenizer/vocabulary.txt" if layout == "keras" else "vocab.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(self.get_vocabulary()), "utf-8")


class Mix(keras.layers.Layer):
    """Each token, and the mean of its text's visible tokens through a dense layer."""

    def build(self, hidden_shape, padding_mask_shape=None):
        dim = hidden_shape[-1]
        self.kernel = self.add_weight((dim, dim), initializer=kernel_initializer(), name="kernel")
        self.bias = self.add_weight((dim,), initializer="zeros", name="bias")

    def call(self, hidden, padding_mask):
        weight = ops.cast(visible_tokens(padding_mask)[:, 0], hidden.dtype)
        mean = ops.matmul(weight, hidden) / ops.sum(weight, -1, keepdims=True)
        mixed = ops.matmul(hidden + mean, ops.cast(self.kernel, hidden.dtype))
        return hidden + ops.tanh(mixed + ops.cast(self.bias, hidden.dtype))

    def compute_output_shape(self, hidden_shape, padding_mask_shape=None):
        return hidden_shape


class ToyBackbone(Backbone):
    """Embeddings and a few layers of `Mix`."""

    lora_targets = ()

    def __init__(
        self,
        vocabulary_size,
        num_layers,
        hidden_dim,
        max_sequence_length,
        activation="relu",
        layer_norm_epsilon=1e-6,
        dtype=None,
        **kwargs,
    ):
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
        tokens = token_embedding(vocabulary_size, hidden_dim, dtype=dtype)(token_ids)
        hidden = tokens + PositionEmbedding(
            max_sequence_length, hidden_dim, dtype=dtype, name="position_embedding"
        )(tokens, padding_mask)
        hidden_states = [hidden]
        for i in range(num_layers):
            hidden = Mix(dtype=dtype, name=f"layer_{i}")(hidden, padding_mask)
            hidden_states.append(hidden)
        super().__init__(
            inputs={"token_ids": token_ids, "padding_mask": padding_mask},
            outputs={"sequence_output": hidden},
            hidden_states=hidden_states,
            settings={
                "vocabulary_size": vocabulary_size,
                "num_layers": num_layers,
                "hidden_dim": hidden_dim,
                "max_sequence_length": max_sequence_length,
                "activation": activation,
                "layer_norm_epsilon": layer_norm_epsilon,
            },
            dtype=dtype,
            **kwargs,
        )


class ToyMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Without segments."""

    batching = "packed"
    segments = False


class ToyMaskedLM(MaskedLM):
    """The toy with core's head."""

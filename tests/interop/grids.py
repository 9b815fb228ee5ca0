"""The configurations in which families are compared with the other libraries: data only.

A new family is compared in all of `GRID` as it is. A few lines of `FURTHER` add what is its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmzoo.plugins import registry

FAMILIES = [name for name in registry().families if name != "toy"]  # core's own tests have it


LENGTH = 20
"""Of most batches; of four rows all."""

MASKS = 8
"""Most masks in a row that a preprocessor made."""


@dataclass(frozen=True)
class Row:
    """One configuration.

    Args:
        settings: Constructor arguments of ours; a family takes those it has.
        length: Length of the batch.
        spelling: Which of transformers' names for the activation is written.
        transformers: Further entries of transformers' config.
    """

    settings: Mapping[str, Any]
    length: int = LENGTH
    spelling: int = 0
    transformers: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self):
        values = (*self.settings.values(), *self.transformers.values(), self.length)
        return ",".join(map(str, values))


# Few shapes, the last one of which is that of the other tests' tiny models: JAX compiles every
# operation for each shape of its own. A family without heads takes any width, and one whose layers
# share weights in groups takes one group.
SHAPES = [
    {"vocabulary_size": 60, "num_layers": 3, "num_heads": 1, "hidden_dim": 32}
    | {"intermediate_dim": 64, "num_segments": 2},
    {"vocabulary_size": 611, "num_layers": 1, "num_heads": 12, "hidden_dim": 48}
    | {"intermediate_dim": 24, "num_segments": 3},
    {"vocabulary_size": 97, "num_layers": 2, "num_heads": 2, "hidden_dim": 16}
    | {"intermediate_dim": 32, "num_segments": 1},
]

# Every activation meets every epsilon, and each of them every shape. An epsilon of 0.1 is as large
# as the variances, so that each normalisation shows where it takes its own from.
ACTIVATIONS = ["gelu", "gelu_tanh", "relu", "silu"]
EPSILONS = [1e-12, 1e-5, 0.1]
GRID = [
    Row(
        {
            "activation": activation,
            "layer_norm_epsilon": epsilon,
            **SHAPES[(i + j) % len(SHAPES)],
            "max_sequence_length": 24,
        },
        spelling=j,
    )
    for i, activation in enumerate(ACTIVATIONS)
    for j, epsilon in enumerate(EPSILONS)
]

SMALL = GRID[1].settings
FURTHER: dict[str, list[Row]] = {
    "albert": [
        Row({**SMALL, "num_layers": 4, "num_groups": 2, "embedding_dim": 12}),
        Row({**SMALL, "num_layers": 3, "num_groups": 3, "num_inner_repetitions": 2}),
        # Embeddings wider than the layers.
        Row({**SMALL, "num_layers": 2, "num_inner_repetitions": 3, "embedding_dim": 64}),
    ],
    "deberta_v3": [
        # Distances are told apart up to half of the buckets, then in steps that grow as far as
        # `max_sequence_length` says; rows may be longer.
        Row({**SMALL, "bucket_size": 4, "max_sequence_length": 12}),
        Row({**SMALL, "bucket_size": 8, "max_sequence_length": 16}, length=40),
        Row({**SMALL, "bucket_size": 64, "max_sequence_length": 24}, length=30),
        # The other one of the two heads that transformers has.
        Row(SMALL, transformers={"legacy": True}),
    ],
    "distil_bert": [Row(SMALL, transformers={"sinusoidal_pos_embds": True})],
    "f_net": [
        # Transforms of lengths and widths that are odd, prime, and as short as can be.
        Row({**SMALL, "hidden_dim": 31}, length=17),
        Row({**SMALL, "hidden_dim": 15}, length=3),
    ],
}

# Entries of transformers' config with which a family has a decoder that can be untied.
UNTIED: dict[str, dict[str, Any]] = {"deberta_v3": {"legacy": True}}

ROWS = [(name, row) for name in FAMILIES for row in (*GRID, *FURTHER.get(name, ()))]
FEW = [GRID[5], GRID[6], GRID[10]]
FEW_ROWS = [(n, row) for n, row in ROWS if row in FEW or (row not in GRID and not row.transformers)]

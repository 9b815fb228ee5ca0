"""Rows for the kit's layers name all of their variables, and nothing else."""

from mlmzoo.kit.layers import MaskedLMHead, TransformerEncoder
from mlmzoo.kit.tables import ENCODER, encoder_rows, head_rows


def test_the_rows_of_a_block_are_its_variables():
    block = TransformerEncoder(8, 2, 12, "gelu", 0.1, 1e-12, name="layer_0")
    block.build((None, None, 8), (None, None))
    rows = encoder_rows("layer_0", "encoder", {layer: layer for layer in ENCODER})
    assert {row.ours for row in rows} == {weight.path for weight in block.weights}
    for column in ("ours", "keras", "transformers"):
        assert len({getattr(row, column) for row in rows}) == len(rows)


def test_the_rows_of_the_head_are_its_variables():
    head = MaskedLMHead(10, 8, "gelu", 1e-12, name="mlm_head")
    head.build((None, None, 8))
    rows = head_rows("dense", "norm", "bias")
    assert {row.ours for row in rows} == {weight.path for weight in head.weights}

"""DistilBERT knows neither segments nor a pooled output, and still takes pairs."""

from mlmzoo.models import DistilBertBackbone, DistilBertMaskedLMPreprocessor, DistilBertTokenizer
from mlmzoo.testing.tiny import CORPUS


def test_the_backbone_takes_tokens_and_mask_and_gives_a_sequence():
    backbone = DistilBertBackbone(
        60, num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=32, max_sequence_length=24
    )
    assert set(backbone.input) == {"token_ids", "padding_mask"}
    assert set(backbone.output) == {"sequence_output"}


def test_pairs_are_packed_as_berts_are_and_no_segments_are_given():
    tokenizer = DistilBertTokenizer.train(CORPUS, vocabulary_size=120)
    preprocessor = DistilBertMaskedLMPreprocessor(
        tokenizer, sequence_length=24, mask_selection_rate=0
    )
    x, _, _ = preprocessor(("God said", "the day"))
    assert set(x) == {"token_ids", "padding_mask", "mask_positions"}
    first, second = tokenizer.encode(["God said", "the day"])
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    row = [cls, *first, sep, *second, sep]
    assert list(x["token_ids"][: len(row)]) == row
    assert x["padding_mask"].sum() == len(row)

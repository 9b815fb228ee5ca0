"""The examples of KerasHub's documentation, retyped: only the import and the preset are others.

Of the pages of MaskedLM, BertMaskedLM, BertBackbone, BertTokenizer, BertMaskedLMPreprocessor.
"""

import keras
import numpy as np
import pytest

import mlmzoo as keras_hub

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the quick brown fox jumped . slept tripped call me ishmael oh look , a whale i forgot my"
WORDS = [*WORDS.split(), "home", "##work"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A small BERT whose head counts as trained."""
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(SPECIALS + WORDS),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=16,
    )
    tokenizer = keras_hub.models.BertTokenizer(SPECIALS + WORDS, lowercase=True)
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor(tokenizer, sequence_length=16)
    directory = tmp_path_factory.mktemp("presets") / "bert_base_en_uncased"
    with pytest.warns(UserWarning):  # that KerasHub will compute it slightly differently
        keras_hub.models.BertMaskedLM(backbone, preprocessor, head_state="trained").save_to_preset(
            directory
        )
    return str(directory)


def tensorflow():
    return pytest.importorskip("tensorflow")


# MaskedLM -----------------------------------------------------------------------------------------


def test_masked_lm_trains_on_a_data_set(preset):
    train_ds = (
        tensorflow()
        .data.Dataset.from_tensor_slices(
            ["The quick brown fox jumped.", "I forgot my homework."] * 4
        )
        .batch(4)
    )
    # Load a Bert MaskedLM with pre-trained weights.
    masked_lm = keras_hub.models.MaskedLM.from_preset(preset)
    assert isinstance(masked_lm, keras_hub.models.BertMaskedLM)
    masked_lm.fit(train_ds)


# BertMaskedLM -------------------------------------------------------------------------------------


def raw_strings(preset, jit_compile):
    features = ["The quick brown fox jumped.", "I forgot my homework."]

    # Pretrained language model.
    masked_lm = keras_hub.models.BertMaskedLM.from_preset(preset)
    masked_lm.fit(x=features, batch_size=2)

    # Re-compile (e.g., with a new learning rate).
    masked_lm.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.Adam(5e-5),
        jit_compile=jit_compile,
    )
    # Access backbone programmatically (e.g., to change `trainable`).
    masked_lm.backbone.trainable = False
    before = masked_lm.backbone.get_weights()
    # Fit again.
    masked_lm.fit(x=features, batch_size=2)
    for one, other in zip(before, masked_lm.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bert_masked_lm_trains_on_raw_strings(preset):
    raw_strings(preset, jit_compile=keras.backend.backend() != "torch")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler about itself
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="compiled in the test above")
def test_bert_masked_lm_trains_on_raw_strings_through_torch_compile(preset):
    raw_strings(preset, jit_compile=True)


def test_bert_masked_lm_trains_on_preprocessed_integers(preset):
    # Create preprocessed batch where 0 is the mask token.
    features = {
        "token_ids": np.array([[1, 2, 0, 4, 0, 6, 7, 8]] * 2),
        "padding_mask": np.array([[1, 1, 1, 1, 1, 1, 1, 1]] * 2),
        "mask_positions": np.array([[2, 4]] * 2),
        "segment_ids": np.array([[0, 0, 0, 0, 0, 0, 0, 0]] * 2),
    }
    # Labels are the original masked values.
    labels = [[3, 5]] * 2

    masked_lm = keras_hub.models.BertMaskedLM.from_preset(
        preset,
        preprocessor=None,
    )
    masked_lm.fit(x=features, y=labels, batch_size=2)


# BertBackbone -------------------------------------------------------------------------------------


def test_bert_backbone_from_a_preset_and_from_scratch(preset):
    input_data = {
        "token_ids": np.ones(shape=(1, 12), dtype="int32"),
        "segment_ids": np.array([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0]]),
        "padding_mask": np.array([[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]]),
    }

    # Pretrained BERT encoder.
    model = keras_hub.models.BertBackbone.from_preset(preset)
    assert model(input_data)["sequence_output"].shape == (1, 12, 8)

    # Randomly initialized BERT encoder with a custom config.
    model = keras_hub.models.BertBackbone(
        vocabulary_size=30552,
        num_layers=4,
        num_heads=4,
        hidden_dim=256,
        intermediate_dim=512,
        max_sequence_length=128,
    )
    output = model(input_data)
    assert output["sequence_output"].shape == (1, 12, 256)
    assert output["pooled_output"].shape == (1, 256)


def test_any_backbone_from_a_preset_with_and_without_weights(preset):
    # Load a Gemma backbone with pre-trained weights. (Here: a BERT.)
    model = keras_hub.models.Backbone.from_preset(preset)
    # Load a Bert backbone with a pre-trained config and random weights.
    random = keras_hub.models.Backbone.from_preset(preset, load_weights=False)
    assert type(model) is type(random) is keras_hub.models.BertBackbone
    assert model.token_embedding is model.get_layer("token_embedding")


# BertTokenizer ------------------------------------------------------------------------------------


def test_bert_tokenizer_of_a_preset(preset):
    # Unbatched input.
    tokenizer = keras_hub.models.BertTokenizer.from_preset(preset)
    assert tokenizer("The quick brown fox jumped.").tolist() == [5, 6, 7, 8, 9, 10]

    # Batched input.
    rows = tokenizer(["The quick brown fox jumped.", "The fox slept."])
    assert [row.tolist() for row in rows] == [[5, 6, 7, 8, 9, 10], [5, 8, 11, 10]]

    # Detokenization.
    assert (
        tokenizer.detokenize(tokenizer("The quick brown fox jumped."))
        == "the quick brown fox jumped ."
    )


def test_bert_tokenizer_of_a_vocabulary():
    # Custom vocabulary.
    vocab = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    vocab += ["The", "quick", "brown", "fox", "jumped", "."]
    tokenizer = keras_hub.models.BertTokenizer(vocabulary=vocab)
    assert tokenizer("The quick brown fox jumped.").tolist() == [5, 6, 7, 8, 9, 10]


def test_any_tokenizer_of_a_preset(preset):
    # Load a preset tokenizer.
    tokenizer = keras_hub.models.Tokenizer.from_preset(preset)

    # Tokenize some input.
    tokenizer("The quick brown fox tripped.")

    # Detokenize some input.
    assert tokenizer.detokenize([5, 6, 7, 8, 9]) == "the quick brown fox jumped"


# BertMaskedLMPreprocessor -------------------------------------------------------------------------


def test_bert_preprocessor_called_on_data(preset):
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor.from_preset(preset)

    # Tokenize and mask a single sentence.
    x, y, sample_weight = preprocessor("The quick brown fox jumped.")
    assert x["token_ids"].shape == (16,)

    # Tokenize and mask a batch of single sentences.
    x, y, sample_weight = preprocessor(["The quick brown fox jumped.", "Call me Ishmael."])
    assert x["token_ids"].shape == x["segment_ids"].shape == x["padding_mask"].shape == (2, 16)
    assert x["mask_positions"].shape == y.shape == sample_weight.shape == (2, 96)


def test_bert_preprocessor_called_on_tensors_of_pairs(preset):
    tf = tensorflow()
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor.from_preset(preset)

    # Tokenize and mask sentence pairs.
    # In this case, always convert input to tensors before calling the layer.
    first = tf.constant(["The quick brown fox jumped.", "Call me Ishmael."])
    second = tf.constant(["The fox tripped.", "Oh look, a whale."])
    x, _, _ = preprocessor((first, second))
    assert x["segment_ids"].sum(axis=1).tolist() == [5, 7]


def test_bert_preprocessor_maps_data_sets(preset):
    tf = tensorflow()
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor.from_preset(preset)

    first = tf.constant(["The quick brown fox jumped.", "Call me Ishmael."])
    second = tf.constant(["The fox tripped.", "Oh look, a whale."])

    # Map single sentences.
    ds = tf.data.Dataset.from_tensor_slices(first)
    ds = ds.map(preprocessor, num_parallel_calls=tf.data.AUTOTUNE)
    (x, _, _) = next(iter(ds))
    assert x["token_ids"].shape == (16,)

    # Map sentence pairs.
    ds = tf.data.Dataset.from_tensor_slices((first, second))
    # Watch out for tf.data's default unpacking of tuples here!
    # Best to invoke the `preprocessor` directly in this case.
    ds = ds.map(
        lambda first, second: preprocessor(x=(first, second)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    (x, _, _) = next(iter(ds))
    assert x["segment_ids"].numpy().sum() == 5


def test_any_preprocessor_of_a_preset(preset):
    preprocessor = keras_hub.models.MaskedLMPreprocessor.from_preset(
        preset,
        sequence_length=12,  # Optional.
    )

    # Tokenize, mask and pack a single sentence.
    x = "The quick brown fox jumped."
    x, y, sample_weight = preprocessor(x)
    assert x["token_ids"].shape == (12,)

    # Preprocess a batch of labeled sentence pairs.
    first = ["The quick brown fox jumped.", "Call me Ishmael."]
    second = ["The fox tripped.", "Oh look, a whale."]
    x, y, sample_weight = preprocessor((first, second))
    assert x["segment_ids"].sum(axis=1).tolist() == [5, 6]  # one token was cut
    assert y.shape == sample_weight.shape == (2, 96)

    # With a `tf.data.Dataset`.
    tf = tensorflow()
    ds = tf.data.Dataset.from_tensor_slices((first, second))
    ds = ds.map(preprocessor, num_parallel_calls=tf.data.AUTOTUNE)
    assert len(list(ds)) == 2

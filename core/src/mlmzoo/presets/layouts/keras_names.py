"""What the files of a KerasHub preset are called, and what stands in them."""

NAME = "keras"

CONFIG = "config.json"
TASK = "task.json"
TOKENIZER = "tokenizer.json"
PREPROCESSOR = "preprocessor.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
SHARDS = "model.weights.json"
TASK_WEIGHTS = "task.weights.h5"

PREPROCESSOR_ARGUMENTS = (
    "sequence_length",
    "truncate",
    "mask_selection_rate",
    "mask_selection_length",
    "mask_token_rate",
    "random_token_rate",
)
"""What a MaskedLMPreprocessor of KerasHub takes; anything else stands under our own key."""

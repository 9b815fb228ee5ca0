"""No family loads a tokenizer whose ids reach beyond its embedding, however it came by them."""

import pytest

from mlmzoo import MaskedLM
from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_task


def with_one_more_token(tokenizer, added):
    config = tokenizer.get_config()
    if "vocabulary" in config:
        config["vocabulary"] = [*config["vocabulary"], "one-more"]
        if added:
            config["added_tokens"] = [*config["added_tokens"], "one-more"]
    else:
        ids = {**config["added_tokens"], "one-more": tokenizer.vocabulary_size()}
        config["added_tokens"] = ids
    return type(tokenizer).from_config(config)


@pytest.mark.parametrize("name", [name for name in registry().families if name != "toy"])
def test_a_token_beyond_the_embedding_is_an_error(name, tmp_path):
    task = tiny_task(registry().family(name))
    task.save_to_preset(tmp_path, layout="transformers")
    tokenizer = task.preprocessor.tokenizer
    size = tokenizer.vocabulary_size()
    for added in (False, True):
        with_one_more_token(tokenizer, added).write_files(tmp_path, "transformers")
        with pytest.raises(PresetFormatError, match=f"{size + 1} tokens.* {size} rows, too few"):
            MaskedLM.from_preset(tmp_path)

"""Configs: code they would like to have run, sizes nobody has, and JSON that is no JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from corpus import hostile

from mlmzoo.contract.errors import (
    InputError,
    MlmzooError,
    UnknownNameError,
    UnsupportedSettingError,
    WeightsError,
)

CANARY = "hostile_canary"
"""A module that nothing may import."""


def read(directory: Path, name: str = "config.json") -> dict[str, Any]:
    return json.loads((directory / name).read_text("utf-8"))


def write(directory: Path, value: Any, name: str = "config.json") -> None:
    (directory / name).write_text(json.dumps(value), "utf-8")


def change(directory: Path, name: str = "config.json", **changes: Any) -> None:
    """Change entries of a Keras object's config, or of a transformers config."""
    config = read(directory, name)
    (config["config"] if "registered_name" in config else config).update(changes)
    write(directory, config, name)


def own_preprocessor(directory: Path, **settings: Any) -> None:
    """Give the preprocessor settings that stand under our own key."""
    config = read(directory, "preprocessor.json")
    config["mlmzoo"] = {"format": 1, "preprocessor": settings}
    write(directory, config, "preprocessor.json")


def raw(directory: Path, text: bytes, name: str = "config.json") -> None:
    (directory / name).write_bytes(text)


# Code ---------------------------------------------------------------------------------------------


@hostile("keras", error=None)
def module_path(directory: Path) -> None:
    for name in ("config.json", "task.json", "tokenizer.json", "preprocessor.json"):
        config = read(directory, name) | {"module": CANARY, "class_name": "system"}
        write(directory, config, name)


@hostile("keras", UnknownNameError, says=("hostile_canary>Backbone",))
def registered_name_of_a_module(directory: Path) -> None:
    config = read(directory) | {"module": CANARY, "registered_name": f"{CANARY}>Backbone"}
    write(directory, config)


@hostile("keras", UnknownNameError, says=("Lambda",))
def lambda_as_backbone(directory: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAAA=", "defaults": None}}
    config = {"module": "keras.layers", "class_name": "Lambda", "registered_name": "Lambda"}
    write(directory, config | {"config": {"function": code}})


@hostile("keras", UnsupportedSettingError, says=("'function'",))
def lambda_as_argument(directory: Path) -> None:
    change(directory, function={"class_name": "__lambda__", "config": {"code": "4wAAAAA="}})


@hostile("keras", says=("'activation'",))
def lambda_as_activation(directory: Path) -> None:
    config = read(directory)
    code = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "os.system"}}
    config["config"].pop("activation", None)
    config["mlmzoo"] = {"format": 1, "backbone": {"activation": code}}
    write(directory, config)


@hostile("keras", UnsupportedSettingError, says=("'os.system'",))
def activation_of_another_name(directory: Path) -> None:
    config = read(directory, "task.json")
    config["mlmzoo"]["head"]["activation"] = "os.system"
    write(directory, config, "task.json")


@hostile("keras", error=None, says=("'custom_objects'", "'trust_remote_code'"))
def custom_objects(directory: Path) -> None:
    config = read(directory) | {"custom_objects": {"x": CANARY}, "trust_remote_code": True}
    write(directory, config)


@hostile("keras", error=None)
def compile_and_build_config(directory: Path) -> None:
    code = {"module": CANARY, "class_name": "Optimizer", "registered_name": None, "config": {}}
    config = read(directory, "task.json") | {"compile_config": code, "build_config": code}
    write(directory, config, "task.json")


@hostile("keras", error=None)
def dtype_of_another_class(directory: Path) -> None:
    change(directory, dtype={"module": CANARY, "class_name": "Policy", "config": {"name": CANARY}})


@hostile("transformers", error=None, says=("'auto_map'", "'trust_remote_code'"))
def auto_map(directory: Path) -> None:
    classes = {"AutoConfig": f"{CANARY}.Config", "AutoModelForMaskedLM": f"{CANARY}.Model"}
    change(directory, auto_map=classes, trust_remote_code=True)
    raw(directory, b"raise SystemExit('imported')", f"{CANARY}.py")


@hostile("transformers", UnknownNameError, says=(f"../../{CANARY}",))
def model_type_that_is_a_path(directory: Path) -> None:
    change(directory, model_type=f"../../{CANARY}")


# Sizes --------------------------------------------------------------------------------------------


@hostile("keras", WeightsError, says=("token_embedding/embeddings", "has shape", "2147483647"))
def vocabulary_of_billions(directory: Path) -> None:
    change(directory, vocabulary_size=2**31 - 1)


@hostile("keras", says=("'vocabulary_size'", "2147483648"))
def vocabulary_beyond_32_bits(directory: Path) -> None:
    change(directory, vocabulary_size=2**31)


@hostile("transformers", WeightsError, says=("has shape", "2147483647"))
def width_of_billions(directory: Path) -> None:
    change(directory, hidden_size=2**31 - 1)


@hostile("transformers", MlmzooError)
def more_bytes_than_have_numbers(directory: Path) -> None:
    change(directory, vocab_size=2**31 - 1, hidden_size=2**31 - 1)


@hostile("transformers", WeightsError, says=("position_embedding", "2000000000"))
def positions_of_billions(directory: Path) -> None:
    change(directory, max_positions=2 * 10**9)


@hostile("keras", says=("'num_layers'", "1000"))
def ten_thousand_layers(directory: Path) -> None:
    change(directory, num_layers=10_000)


@hostile("keras", WeightsError, says=("'layers/mix_2/vars/0' is missing",))
def a_thousand_layers(directory: Path) -> None:
    change(directory, num_layers=1000)


@hostile("transformers", says=("num_layers",))
def layers_of_a_negative_number(directory: Path) -> None:
    change(directory, num_layers=-1)


@hostile("transformers", says=("num_layers",))
def layers_as_text(directory: Path) -> None:
    change(directory, num_layers="2")


@hostile("transformers", says=("hidden_size",))
def width_that_is_true(directory: Path) -> None:
    change(directory, hidden_size=True)


@hostile("transformers", says=("hidden_size",))
def width_as_objects(directory: Path) -> None:
    change(directory, hidden_size={"a": [1]})


@hostile("keras", load="architecture")
def architecture_beyond_all_memory(directory: Path) -> None:
    change(directory, vocabulary_size=2**31 - 1, hidden_dim=2**31 - 1)


@hostile("keras", says=("values", "memory of"), load="architecture")
def architecture_of_terabytes(directory: Path) -> None:
    change(directory, vocabulary_size=10**9, hidden_dim=10_000)


@hostile("keras", says=("'vocabulary_size'",), load="architecture")
def architecture_beyond_32_bits(directory: Path) -> None:
    change(directory, vocabulary_size=2**40)


@hostile("keras", says=("'sequence_length' to -5",))
def rows_of_negative_length(directory: Path) -> None:
    change(directory, "preprocessor.json", sequence_length=-5)


@hostile("keras", says=("'sequence_length' to 'long'",))
def rows_of_a_text_long(directory: Path) -> None:
    change(directory, "preprocessor.json", sequence_length="long", mask_selection_rate=[])


for name, value in {
    "sequence_length": 10**12,
    "mask_selection_length": 10**9,
    "longest_span": 10**8,
    "longest_word": 10**30,
    "segmenter": "x",
    "tokenizer": "/etc/passwd",
}.items():

    def preprocessor(directory: Path, name: str = name, value: Any = value) -> None:
        own = {"format": 1, "preprocessor": {"masking": "span", name: value}}
        write(
            directory, read(directory, "preprocessor.json") | {"mlmzoo": own}, "preprocessor.json"
        )

    preprocessor.__name__ = f"preprocessor_with_its_own_{name}"
    hostile("keras", says=(f"sets {name!r} to {value!r}",))(preprocessor)


@hostile("keras", error=None, says=("preprocessor", "'rm_rf'"))
def preprocessor_with_settings_nobody_knows(directory: Path) -> None:
    own_preprocessor(directory, rm_rf="/")


@hostile("keras", InputError, says=("1e+300",))
def masking_rate_beyond_all(directory: Path) -> None:
    change(directory, "preprocessor.json", mask_selection_rate=1e300)


# The same of a family with everything -------------------------------------------------------------


@hostile("keras", WeightsError, says=("token_embedding", "has shape", "1000000000"), family="bert")
def bert_with_a_vocabulary_of_billions(directory: Path) -> None:
    change(directory, vocabulary_size=10**9)


@hostile("transformers", WeightsError, says=("intermediate", "has shape"), family="bert")
def bert_with_a_feedforward_of_billions(directory: Path) -> None:
    change(directory, intermediate_size=2**31 - 1)


@hostile("transformers", says=("'hidden_dim'", "multiple"), family="bert")
def bert_with_heads_that_do_not_divide(directory: Path) -> None:
    change(directory, num_attention_heads=2**31 - 1)


# What is not known --------------------------------------------------------------------------------


@hostile("keras", UnsupportedSettingError, says=("'rm_rf'",))
def unknown_setting(directory: Path) -> None:
    change(directory, rm_rf="/")


@hostile("keras", error=None, says=("'rm_rf'", "preprocessor.json"))
def unknown_entries_elsewhere(directory: Path) -> None:
    change(directory, "preprocessor.json", rm_rf="/")
    change(directory, "task.json", rm_rf="/")


@hostile("transformers", error=None, says=("'rm_rf'",))
def unknown_entry_of_transformers(directory: Path) -> None:
    change(directory, rm_rf="/")


@hostile("keras", says=("format 2",))
def format_of_the_future(directory: Path) -> None:
    write(directory, read(directory) | {"mlmzoo": {"format": 2}})


@hostile("keras", says=("'mlmzoo'",))
def own_entry_that_is_a_list(directory: Path) -> None:
    write(directory, read(directory) | {"mlmzoo": [1]})


@hostile("keras", says=("head is",))
def head_state_that_is_an_object(directory: Path) -> None:
    config = read(directory, "task.json")
    config["mlmzoo"]["head_state"] = {"trained": True}
    write(directory, config, "task.json")


@hostile("keras", says=("'config'", "object"))
def config_that_is_a_text(directory: Path) -> None:
    write(directory, read(directory) | {"config": "x" * 1000})


@hostile("transformers", says=("neither 'registered_name'",))
def model_type_that_is_a_list(directory: Path) -> None:
    change(directory, model_type=["toy"])


@hostile("keras", says=("1000000 characters",))
def registered_name_of_megabytes(directory: Path) -> None:
    write(directory, read(directory) | {"registered_name": "x" * 10**6})


@hostile("transformers", says=("hidden_act", "200 characters"))
def activation_of_megabytes(directory: Path) -> None:
    change(directory, hidden_act="x" * 10**6)


# JSON ---------------------------------------------------------------------------------------------


@hostile("keras", says=("nested more than 64 levels",))
def json_nested_a_hundred_deep(directory: Path) -> None:
    raw(directory, b'{"a":' * 100 + b"1" + b"}" * 100)


@hostile("keras", says=("is JSON of a kind that is refused",))
def json_nested_without_end(directory: Path) -> None:
    raw(directory, b"[" * 1_000_000)


@hostile("keras", says=("at most 2097152",))
def json_of_many_megabytes(directory: Path) -> None:
    raw(directory, b'{"a": "' + b"x" * 20_000_000 + b'"}')


@hostile("keras", says=("JSON object, and is a list",))
def json_that_unfolds(directory: Path) -> None:
    raw(directory, b"[" + b"[]," * 690_000 + b"[]]")


@hostile("keras", says=("'registered_name' stands twice",))
def json_with_a_name_twice(directory: Path) -> None:
    text = (directory / "config.json").read_bytes().strip()
    raw(directory, text[:-1] + b', "registered_name": "hostile_canary>Backbone"}')


@hostile("keras", says=("of a kind that is refused", "stands twice"))
def json_with_many_names_twice(directory: Path) -> None:
    pairs = ",".join(f'"{n}":0' for n in range(90_000))
    raw(directory, f'{{{pairs},"89999":1}}'.encode())


@hostile("transformers", says=("NaN",))
def json_with_nan(directory: Path) -> None:
    change(directory, layer_norm_eps=float("nan"))


@hostile("transformers", says=("Infinity",))
def json_with_infinity(directory: Path) -> None:
    change(directory, layer_norm_eps=float("-inf"))


@hostile("transformers", says=("too large",))
def json_with_a_number_beyond_floats(directory: Path) -> None:
    change(directory, layer_norm_eps=0.5)
    raw(directory, (directory / "config.json").read_bytes().replace(b"0.5", b"1e999"))


@hostile("transformers", says=("is JSON of a kind that is refused",))
def json_with_an_endless_number(directory: Path) -> None:
    change(directory, hidden_size=77777)
    raw(directory, (directory / "config.json").read_bytes().replace(b"77777", b"7" * 100_000))


@hostile("keras", says=("was to be JSON", "utf-8"))
def json_in_latin_1(directory: Path) -> None:
    raw(directory, '{"registered_name": "Café"}'.encode("latin-1"))


@hostile("keras", says=("was to be JSON",))
def json_in_utf_16(directory: Path) -> None:
    raw(directory, (directory / "config.json").read_text("utf-8").encode("utf-16"))


@hostile("keras", error=None)
def json_with_a_byte_order_mark(directory: Path) -> None:
    raw(directory, b"\xef\xbb\xbf" + (directory / "config.json").read_bytes())


@hostile("keras", says=("control characters",))
def json_that_steers_a_terminal(directory: Path) -> None:
    write(directory, read(directory) | {"name": "\x1b]0;hostile\x07"})


@hostile("keras", says=("was to be JSON",))
def json_that_is_an_archive(directory: Path) -> None:
    raw(directory, (directory / "model.weights.h5").read_bytes())


@hostile("keras", says=("task.json",))
def task_that_is_no_json(directory: Path) -> None:
    raw(directory, b"\0" * 100, "task.json")


@hostile("keras", says=("control characters",))
def half_of_a_surrogate_pair(directory: Path) -> None:
    write(directory, read(directory) | {"registered_name": "\ud800>Backbone"})

"""The conformance suite sees what it is there for: each broken toy fails the tests meant for it,
and passes the others of the same concern.

That the healthy toy passes all of them is seen in test_toy_conformance.
"""

import dataclasses
import functools
import importlib
import inspect
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from toy_reference import reference

from mlmzoo.plugins import current, registry
from mlmzoo.plugins.loader import Discovery
from mlmzoo.plugins.registry import Registry
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing import FamilyConformance
from mlmzoo.testing.encoding import EncodingPromises
from mlmzoo.testing.registration import RegistrationPromises
from mlmzoo.testing.storing import StoringPromises
from mlmzoo.testing.tokenizing import TokenizingPromises

model = importlib.import_module("mlmzoo_toy.model")
table = importlib.import_module("mlmzoo_toy.weights")

SLOW = {
    "test_discovery_imports_nothing_heavy",
    "test_a_random_head_stays_random_and_refuses",
    "test_keras_file_round_trip",
}
"""Run where they are meant to fail, as are all promises about training and computing."""


class Suite(FamilyConformance):
    family_name = "toy"

    def reference(self, directory):
        return functools.partial(reference, directory)


# Broken families ----------------------------------------------------------------------------------
# Each function breaks the toy, in the way that its name says.


def packs_and_takes_a_row_for_one_text(patch):
    _mix(patch, lambda mix, hidden, padding_mask: mix(hidden, ops.minimum(padding_mask, 1)))


def packs_and_counts_positions_through_the_row(patch):
    call = model.PositionEmbedding.call
    patch(model.PositionEmbedding, "call", lambda self, inputs, padding_mask: call(self, inputs))


def sees_padding(patch):
    _mix(patch, lambda mix, hidden, padding_mask: mix(hidden, ops.ones_like(padding_mask)))
    patch(model.ToyMaskedLMPreprocessor, "batching", "length")


def loses_a_constructor_argument(patch):
    class Forgetful(model.ToyBackbone):
        def __init__(self, num_layers=1, **kwargs):
            super().__init__(num_layers=num_layers, **kwargs)

        def get_config(self):
            return {k: v for k, v in super().get_config().items() if k != "num_layers"}

    patch(model, "ToyBackbone", Forgetful)


def keeps_an_argument_out_of_its_settings(patch):
    class Forgetful(model.ToyBackbone):
        def __init__(self, epsilon=0.1, **kwargs):
            super().__init__(**kwargs)

    patch(model, "ToyBackbone", Forgetful)


def takes_rows_of_one_length(patch):
    def call(self, inputs, padding_mask):
        return ops.reshape(ops.convert_to_tensor(self.embeddings)[:20], (1, 20, self.dim))

    patch(model.PositionEmbedding, "call", call)


def has_two_rows_of_its_table_exchanged(patch):
    *rows, gamma, beta, bias = table.CHECKPOINT.head
    exchanged = [
        dataclasses.replace(gamma, transformers=beta.transformers),
        dataclasses.replace(beta, transformers=gamma.transformers),
    ]
    _retable(patch, head=(*rows, *exchanged, bias))


def lacks_a_row_in_its_table(patch):
    _retable(patch, backbone=table.CHECKPOINT.backbone[:-1])


def calls_two_variables_by_one_name(patch):
    *rows, last = table.CHECKPOINT.backbone
    _retable(patch, backbone=(*rows, dataclasses.replace(last, keras="layers/mix{_}/vars/0")))


def splits_a_kernel_into_heads_that_it_has_not(patch):
    *rows, kernel, bias = table.CHECKPOINT.backbone
    kernel = dataclasses.replace(kernel, kind="attention_kernel")
    _retable(patch, backbone=(*rows, kernel, bias))


def keeps_two_settings_under_one_name(patch):
    rows = [
        dataclasses.replace(row, transformers="hidden_size") if row.ours == "num_layers" else row
        for row in table.CHECKPOINT.settings
    ]
    _retable(patch, settings=tuple(rows))


def _mix(patch, compute):
    mix = model.Mix.call

    def call(self, hidden, padding_mask):
        return compute(functools.partial(mix, self), hidden, padding_mask)

    patch(model.Mix, "call", call)


def _retable(patch, **changes):
    patch(table, "CHECKPOINT", dataclasses.replace(table.CHECKPOINT, **changes))


def calls_its_head_trained(patch):
    class Boastful(model.ToyMaskedLM):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.head_state = "trained"

    patch(model, "ToyMaskedLM", Boastful)


def draws_numbers_of_its_own(patch):
    unseeded = np.random.default_rng()
    _mix(patch, lambda mix, *inputs: mix(*inputs) * float(unseeded.uniform(0.5, 1.5)))


def forgets_the_dtype_of_a_layer(patch):
    mix = model.Mix
    patch(model, "Mix", lambda dtype=None, **kwargs: mix(**kwargs))


def branches_on_the_value_of_a_tensor(patch):
    def mix_or_not(mix, hidden, padding_mask):
        return mix(hidden, padding_mask) if float(ops.max(hidden)) < 1e6 else hidden

    _mix(patch, mix_or_not)


def does_not_learn(patch):
    class Stubborn(model.ToyMaskedLM):
        def call(self, inputs, training=None):
            return 0 * super().call(inputs, training)

    patch(model, "ToyMaskedLM", Stubborn)


def takes_a_lone_text_for_many(patch):
    tokenizer = model.ToyTokenizer
    encode = tokenizer.encode
    patch(
        tokenizer,
        "encode",
        lambda self, texts, specials="none": encode(self, list(texts), specials),
    )


def loses_what_it_decodes(patch):
    patch(model.ToyTokenizer, "_decode", lambda self, ids: "".join(map(self.id_to_token, ids)))


def points_beside_its_tokens(patch):
    def shifted(self, texts, specials):
        ids, spans = offsets(self, texts, specials)
        return ids, [[(start + 1, end + 1) for start, end in row] for row in spans]

    offsets = model.ToyTokenizer._encode_offsets
    patch(model.ToyTokenizer, "_encode_offsets", shifted)


def reads_special_tokens_out_of_text(patch):
    encode = model.ToyTokenizer._encode_batch
    patch(
        model.ToyTokenizer,
        "_encode_batch",
        lambda self, texts, specials: encode(self, texts, "all"),
    )


def has_a_tokenizer_of_its_own_making(patch):
    patch(model, "ToyTokenizer", type("ToyTokenizer", (), {"train": model.ToyTokenizer.train}))


def miscounts_its_parameters(patch):
    _republish(patch, presets={"parameters": 1583})


def calls_itself_by_the_name_of_another(patch):
    _republish(patch, families={"model_types": ("bert",)})


def comes_from_no_place_that_there_is(patch):
    _republish(patch, presets={"sources": ("ftp://toys/toy-tiny",)})


def imports_keras_when_it_is_found(patch):
    copy = patch.tmp_path / "copy"
    shutil.copytree(Path(model.__file__).parents[1], copy)
    plugin = copy / "mlmzoo_toy" / "plugin.py"
    plugin.write_text(f"import keras\n{plugin.read_text()}")
    (copy / "keras.py").write_text("")  # as good as the real one, which takes seconds
    patch.monkeypatch.syspath_prepend(str(copy))


def _republish(patch, families=None, presets=None):
    """Let the toy's records say something else."""
    discovery = registry()._discovery
    changed = [
        dataclasses.replace(
            plugin,
            families=tuple(dataclasses.replace(f, **(families or {})) for f in plugin.families),
            presets=tuple(dataclasses.replace(p, **(presets or {})) for p in plugin.presets),
        )
        if plugin.name == "toy"
        else plugin
        for plugin in discovery.plugins
    ]
    patch(current, "_current", Registry(Discovery(discovery.managers, changed)))


CAUGHT_BY = {
    packs_and_takes_a_row_for_one_text: {"test_texts_of_one_row_leave_each_other_alone"},
    packs_and_counts_positions_through_the_row: {"test_texts_of_one_row_leave_each_other_alone"},
    sees_padding: {"test_padding_leaves_answers_alone"},
    loses_a_constructor_argument: {"test_config_round_trip"},
    keeps_an_argument_out_of_its_settings: {"test_config_round_trip"},
    takes_rows_of_one_length: {
        "test_any_length_up_to_the_limit",
        # These ask for other lengths as well.
        "test_padding_leaves_answers_alone",
        "test_texts_of_one_row_leave_each_other_alone",
    },
    has_two_rows_of_its_table_exchanged: {"test_outputs_equal_those_of_the_reference"},
    lacks_a_row_in_its_table: {"test_the_weight_table_names_every_variable_once"},
    calls_two_variables_by_one_name: {"test_the_weight_table_names_every_variable_once"},
    splits_a_kernel_into_heads_that_it_has_not: {
        "test_save_and_load_in_the_keras_layout",
        "test_added_tokens_are_saved",
    },
    keeps_two_settings_under_one_name: {
        "test_save_and_load_in_the_transformers_layout",
        "test_added_tokens_are_saved",
        "test_outputs_equal_those_of_the_reference",
    },
    calls_its_head_trained: {"test_a_random_head_stays_random_and_refuses"},
    draws_numbers_of_its_own: {"test_the_same_seed_trains_the_same"},
    forgets_the_dtype_of_a_layer: {"test_mixed_precision"},
    branches_on_the_value_of_a_tensor: {"test_jit_compile"},
    does_not_learn: {"test_the_loss_falls"},
    takes_a_lone_text_for_many: {"test_bad_input_is_refused_in_words"},
    loses_what_it_decodes: {"test_tokenizer_round_trip"},
    points_beside_its_tokens: {"test_offsets_point_at_the_tokens_in_the_text"},
    reads_special_tokens_out_of_text: {"test_text_cannot_smuggle_special_tokens"},
    has_a_tokenizer_of_its_own_making: {"test_class_paths_lead_to_classes_of_the_right_kind"},
    miscounts_its_parameters: {"test_presets_have_the_parameters_they_say"},
    calls_itself_by_the_name_of_another: {"test_no_other_package_claims_its_names"},
    comes_from_no_place_that_there_is: {"test_the_plugin_is_valid"},
    imports_keras_when_it_is_found: {"test_discovery_imports_nothing_heavy"},
}


@dataclasses.dataclass
class Patch:
    """`monkeypatch.setattr`, called; and what else is needed to break something."""

    monkeypatch: pytest.MonkeyPatch
    tmp_path: Path

    def __call__(self, *args):
        self.monkeypatch.setattr(*args)


def neighbours(meant):
    """The promises of the same concern, as far as they take no time."""
    concerns = (RegistrationPromises, TokenizingPromises, EncodingPromises, StoringPromises)
    return meant | {
        name
        for concern in concerns
        if meant & set(vars(concern))
        for name in vars(concern)
        if name.startswith("test_") and name not in SLOW
    }


def failures(names, tmp_path):
    """Those of the promises that the toy, as it is now, does not keep."""
    return {name for name in names if not is_kept(name, tmp_path / name)}


def is_kept(name, directory):
    suite, family = Suite(), registry().family("toy")
    test = getattr(suite, name)
    wanted = inspect.signature(test).parameters
    given = {"family": family, "tmp_path": directory}
    directory.mkdir()
    try:
        if "task" in wanted:
            set_seed(1)
            given["task"] = suite.make(family)
        test(**{fixture: given[fixture] for fixture in wanted})
    except pytest.skip.Exception:
        return True
    except (Exception, pytest.fail.Exception):
        return False
    return True


class TestBrokenFamilies:
    # A class, in which JAX keeps what it compiled from one toy to the next.

    @pytest.mark.parametrize("breaks", CAUGHT_BY, ids=lambda breaks: breaks.__name__)
    def test_a_family_is_caught_that(self, breaks, monkeypatch, tmp_path):
        meant = CAUGHT_BY[breaks]
        if "test_jit_compile" in meant and keras.backend.backend() == "torch":
            pytest.skip("nothing is compiled on PyTorch")
        breaks(Patch(monkeypatch, tmp_path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert failures(neighbours(meant), tmp_path) == meant


def test_the_promises_that_nobody_breaks_here_are_known():
    caught = {name for meant in CAUGHT_BY.values() for name in meant}
    every = {name for name in dir(FamilyConformance) if name.startswith("test_")}
    assert every - caught == {
        # What these see is seen by the tests of core, or fails with many others.
        "test_fit_evaluate_predict_fill_mask",
        "test_int8",
        "test_keras_file_round_trip",
        "test_lora",
    }

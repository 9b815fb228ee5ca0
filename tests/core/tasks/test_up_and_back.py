"""Up to a hub and back again: the model that is loaded is the one that was sent."""

import numpy as np
import pytest
from loopback import bytes_in

import mlmzoo

HF, KAGGLE = "hf://org/name", "kaggle://org/model/keras/small"
TEXT = "in the <mask> god created"


def check_same(task, again):
    for one, other in zip(task.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    wanted, found = (asked.fill_mask(TEXT).masks[0].candidates for asked in (task, again))
    assert [one.token for one in found] == [one.token for one in wanted]


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_what_comes_back_from_hugging_face_is_what_was_sent(hub, trained, tmp_path, layout):
    trained.save_to_preset(tmp_path / "preset", layout=layout)
    handle = mlmzoo.upload_preset(tmp_path / "preset", HF)
    there = hub.files("org/name")
    del there[".gitattributes"]  # of every new repository
    assert there == bytes_in(tmp_path / "preset")
    assert hub.private == {"org/name": True}
    assert len(hub.history) == 1  # one commit
    assert hub.count("PUT", "/store/") == (2 if layout == "keras" else 1)
    assert handle.startswith(f"{HF}@")
    again = mlmzoo.MaskedLM.from_preset(handle)
    assert again.load_report.layout == layout
    assert again.head_state == "trained"
    check_same(trained, again)


def test_what_comes_back_from_kaggle_is_what_was_sent(kaggle, trained, preset):
    assert mlmzoo.upload_preset(preset, KAGGLE) == KAGGLE
    assert kaggle.files("org/model/keras/small") == bytes_in(preset)
    assert kaggle.private == {"org/model": True}
    again = mlmzoo.MaskedLM.from_preset(KAGGLE)
    check_same(trained, again)

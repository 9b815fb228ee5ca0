"""In every installed family: what is saved is seen to be whole, and all of it is sent."""

import pytest
from loopback import bytes_in

from mlmzoo.contract.errors import PresetMissingError
from mlmzoo.plugins import registry
from mlmzoo.tasks.uploading import plan
from mlmzoo.testing import tiny_task

pytestmark = [
    pytest.mark.slow,  # no backend has a part in it: once is enough
    pytest.mark.filterwarnings("ignore:KerasHub will load:mlmzoo.contract.errors.PresetWarning"),
]


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize("name", sorted(registry().families))
def test_a_saved_preset_can_be_uploaded_as_it_is(name, layout, tmp_path):
    task = tiny_task(registry().family(name), head_state="trained")
    task.save_to_preset(tmp_path, layout=layout)
    upload = plan(tmp_path, "hf://org/name")
    assert upload.paths.keys() == bytes_in(tmp_path).keys()
    assert upload.left_out == ()
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.suffix not in (".json", ".h5", ".safetensors"):
            file.unlink()  # a vocabulary, or half of it
    if layout == "keras":
        with pytest.raises(PresetMissingError, match="asked for its tokenizer and has no assets/"):
            plan(tmp_path, "hf://org/name")

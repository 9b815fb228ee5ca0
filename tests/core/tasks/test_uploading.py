"""`upload_preset`: what is sent, what stays here, and what comes back."""

import json
import os
import shutil

import pytest
from huggingface_hub import metadata_load
from loopback import bytes_in

import mlmzoo
from mlmzoo.contract import errors
from mlmzoo.contract.protocols import UploadSource
from mlmzoo.plugins import registry
from mlmzoo.presets import staging
from mlmzoo.presets.layouts.card_file import is_ours
from mlmzoo.presets.layouts.place import EXPORT
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.kaggle import KaggleSource
from mlmzoo.presets.tensors.safetensors import SafetensorsFile
from mlmzoo.tasks.uploading import plan

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough

HF, KAGGLE = "hf://org/name", "kaggle://org/model/keras/small"


@pytest.fixture
def change(make):
    """Saves another model in the place of a preset."""

    def change(preset):
        task = make(head_state="trained")
        task.backbone.weights[0].assign(task.backbone.weights[0] + 1)
        task.save_to_preset(preset)

    return change


def there(hub, revision="main"):
    files = hub.files("org/name", revision)
    files.pop(".gitattributes", None)
    return files


def test_a_new_repository_is_public_on_request(hub, preset):
    mlmzoo.upload_preset(preset, HF, public=True)
    assert hub.private == {"org/name": False}


def test_a_new_model_on_kaggle_is_public_on_request(kaggle, preset):
    mlmzoo.upload_preset(preset, KAGGLE, public=True)
    assert kaggle.private == {"org/model": False}


@pytest.mark.parametrize("public", [False, True])
def test_who_may_see_what_is_there_already_stays(hub, kaggle, preset, change, public):
    for handle, server in ((HF, hub), (KAGGLE, kaggle)):
        mlmzoo.upload_preset(preset, handle, public=not public)
        change(preset)
        mlmzoo.upload_preset(preset, handle, public=public)
        assert list(server.private.values()) == [public]


def test_another_preset_takes_the_place_of_the_older_one_in_one_commit(hub, make, preset, change):
    (preset / "README.md").write_text("---\nlicense: mit\n---\n")
    mlmzoo.upload_preset(preset, HF)
    first = there(hub)
    bare = preset.with_name("bare")
    task = make(head_state="trained")
    task.save_to_preset(bare, layout="transformers")
    (bare / "README.md").unlink()
    handle = mlmzoo.upload_preset(bare, HF, message="Smaller")
    assert hub.history[1:] == [("org/name", "main", "Smaller")]
    assert there(hub) == {**bytes_in(bare), "README.md": first["README.md"]}
    assert mlmzoo.MaskedLM.from_preset(handle).load_report.layout == "transformers"


def test_the_same_preset_again_makes_no_commit(hub, preset):
    first = mlmzoo.upload_preset(preset, HF)
    assert mlmzoo.upload_preset(preset, HF) == first
    assert len(hub.history) == 1


def test_a_further_version_on_kaggle_has_the_message(kaggle, preset, change):
    mlmzoo.upload_preset(preset, KAGGLE, message="first")
    change(preset)
    mlmzoo.upload_preset(preset, KAGGLE, message="second")
    assert kaggle.notes == ["second"]
    assert kaggle.files("org/model/keras/small") == bytes_in(preset)
    assert mlmzoo.MaskedLM.from_preset(f"{KAGGLE}/2").head_state == "trained"


def test_a_branch_is_made_and_the_others_stay(hub, preset, change):
    mlmzoo.upload_preset(preset, HF)
    before = there(hub)
    change(preset)
    mlmzoo.upload_preset(preset, f"{HF}@next/one")
    assert there(hub) == before
    assert there(hub, "next/one") == bytes_in(preset)
    assert mlmzoo.MaskedLM.from_preset(f"{HF}@next/one").head_state == "trained"


STRAYS = (
    *(".env", "LICENSE_KEY", "assets/tokenizer/.env", "assets/tokenizer/employees.csv"),
    *("checkpoints/config.json", "merges.txt", "model.safetensors", "notes.txt"),
    *("pytorch_model.bin", "vocab.txt"),
)
"""Not of a preset of the keras layout, whatever they are called."""


@pytest.mark.parametrize("handle", [HF, KAGGLE])
def test_what_does_not_belong_to_the_preset_stays_here(hub, kaggle, preset, handle):
    own = {"README.md": "# A model", "LICENSE.txt": "MIT", "training.json": "{}"}
    for name, text in own.items():
        (preset / name).write_text(text)
    wanted = bytes_in(preset)
    (preset / "checkpoints").mkdir()
    for name in STRAYS:
        (preset / name).write_text("very-secret")
    left_out = [name.replace("config.json", "") for name in STRAYS]
    assert plan(preset, handle).left_out == tuple(left_out)
    mlmzoo.upload_preset(preset, handle)
    sent = there(hub) if handle == HF else kaggle.files("org/model/keras/small")
    assert sent == wanted
    assert {"README.md", "LICENSE.txt", "training.json"} <= sent.keys()


def test_what_the_other_layout_or_another_tokenizer_has_stays_here(trained, tmp_path):
    preset = tmp_path / "preset"
    trained.save_to_preset(preset, layout="transformers")
    (preset / "added_tokens.json").write_text("{}")  # what transformers has and we do not read
    wanted = bytes_in(preset).keys()
    strays = ("model.weights.h5", "pytorch_model.bin", "spm.model", "task.json", "vocab.json")
    for name in strays:
        (preset / name).write_text("very-secret")
    upload = plan(preset, HF)
    assert upload.left_out == strays
    assert upload.paths.keys() == wanted


def test_shards_are_sent_whatever_the_index_calls_them(hub, trained, tmp_path):
    preset = tmp_path / "preset"
    trained.save_to_preset(preset, layout="transformers")
    (preset / "model.safetensors").rename(preset / "part-a.safetensors")
    with SafetensorsFile(preset / "part-a.safetensors") as tensors:
        names = sorted(tensors.names())
    index = {"weight_map": dict.fromkeys(names, "part-a.safetensors")}
    (preset / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "part-a.safetensors" in plan(preset, HF).paths


# The licence --------------------------------------------------------------------------------------


def test_no_licence_is_made_up(hub, kaggle, preset):
    mlmzoo.upload_preset(preset, HF)
    mlmzoo.upload_preset(preset, KAGGLE)
    assert "README.md" not in there(hub)
    assert kaggle.licenses == {"org/model/keras/small": None}


@pytest.mark.parametrize("card", [None, "# A model\n", "---\nlanguage: en\n---\n# A model\n"])
def test_a_licence_is_put_into_the_card_on_hugging_face(hub, preset, card):
    if card:
        (preset / "README.md").write_text(card)
    before = bytes_in(preset)
    mlmzoo.upload_preset(preset, HF, license="mit")
    sent = there(hub)["README.md"].decode()
    assert "license: mit\n" in sent.split("---")[1]
    assert card is None or "# A model" in sent
    assert card is None or "language" not in card or "language: en" in sent
    assert bytes_in(preset) == before


def test_a_card_of_ours_states_the_licence_throughout_and_stays_one_of_ours(hub, trained, tmp_path):
    facts = {"language": "en", "metrics": {"mine": {"accuracy": 0.5}}, "license_link": "LICENSE"}
    for name, card in (("bare", {}), ("stated", facts)):
        preset = tmp_path / name
        trained.save_to_preset(preset, layout="transformers", card=card)
        handle = mlmzoo.upload_preset(preset, f"hf://org/{name}", license="Apache-2.0")
        sent = tmp_path / f"{name}.md"
        sent.write_bytes(hub.files(f"org/{name}")["README.md"])
        assert is_ours(sent) and is_ours(preset / "README.md")
        text, before = (path.read_text("utf-8") for path in (sent, preset / "README.md"))
        assert metadata_load(sent) == {
            **metadata_load(preset / "README.md"),
            "license": "apache-2.0",
        }
        further = ", LICENSE" if card else ""
        assert f"\n## Licence\n\nApache-2.0{further}\n\n<!-- Written" in text
        assert (
            text.partition("\n---\n")[2].partition("## Licence")[0]
            == (before.partition("\n---\n")[2].partition("## Licence")[0])
        )
        assert mlmzoo.MaskedLM.from_preset(handle).head_state == "trained"


@pytest.mark.parametrize("stated", ["mit", "MIT"])
@pytest.mark.parametrize("given", ["mit", "MIT"])
def test_a_card_that_has_the_licence_is_sent_as_it_is(hub, preset, stated, given):
    (preset / "README.md").write_text(f"---\nlicense:   {stated}\n---\n")
    mlmzoo.upload_preset(preset, HF, license=given)
    assert there(hub) == bytes_in(preset)


def test_a_licence_has_the_name_that_the_hub_has_for_it(hub, preset):
    mlmzoo.upload_preset(preset, HF, license="Apache-2.0")
    assert there(hub)["README.md"] == b"---\nlicense: apache-2.0\n---\n"


@pytest.mark.parametrize("handle", [HF, KAGGLE])
def test_an_empty_licence_is_refused_before_any_request(hub, preset, handle):
    for empty in ("", " "):
        with pytest.raises(errors.InputError, match="names none"):
            mlmzoo.upload_preset(preset, handle, license=empty)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("card", "license", "error", "says"),
    [
        ("---\nlicense: gpl\n---\n", "mit", errors.InputError, "'mit', where .* says 'gpl'"),
        ("---\nlicense: [\n---\n", "mit", errors.InputError, "metadata of its README.md cannot"),
        ("---\nlicense: no-such\n---\n", None, errors.HubAccessError, r"must be one of \[mit\]"),
    ],
)
def test_a_card_that_contradicts_is_refused(hub, preset, card, license, error, says):
    (preset / "README.md").write_text(card)
    with pytest.raises(error, match=says):
        mlmzoo.upload_preset(preset, HF, license=license)
    assert hub.history == []


def test_kaggle_takes_a_licence_for_a_new_variation_only(kaggle, preset):
    mlmzoo.upload_preset(preset, KAGGLE, license="MIT")
    assert kaggle.licenses == {"org/model/keras/small": "MIT"}
    with pytest.raises(errors.InputError, match=r"'MIT'.*only for a new variation"):
        mlmzoo.upload_preset(preset, KAGGLE, license="MIT")
    with pytest.raises(errors.HubAccessError, match="'no-such' is no license"):
        mlmzoo.upload_preset(preset, "kaggle://org/model/keras/other", license="no-such")


# What is refused, before any request --------------------------------------------------------------


@pytest.mark.parametrize(
    ("handle", "says"),
    [
        ("hf://org/name@" + "a" * 40, "names a commit, which never changes"),
        ("hf://name", "organisation is missing"),
        ("kaggle://org/model/keras/small/2", "numbers them itself.*kaggle://org/model/keras/small"),
        ("kaggle://org/model", "four or five"),
        ("package://mlmzoo_bert/preset", "package:// only loads.*hf://…, kaggle://…"),
        ("s3://bucket/preset", "names no place"),
        ("org/name", "names no place"),
        ("", "names no place"),
    ],
)
def test_a_handle_that_nothing_can_be_sent_to_is_refused(preset, handle, says):
    with pytest.raises(errors.HandleError, match=says):
        mlmzoo.upload_preset(preset, handle)


VOCABULARY = "assets/tokenizer/vocabulary.txt"


def remove(name):
    return lambda preset: (preset / name).unlink()


def damage(name):
    def damage(preset):
        (preset / name).write_bytes((preset / name).read_bytes()[:100])

    return damage


def cut(name, lines):
    def cut(preset):
        kept = (preset / name).read_text().splitlines(keepends=True)[:lines]
        (preset / name).write_text("".join(kept))

    return cut


def longer(name):
    def longer(preset):
        with (preset / name).open("a") as file:
            file.writelines(f"\nfurther{number}" for number in range(9))

    return longer


def other_depth(preset):
    config = (preset / "config.json").read_text()
    (preset / "config.json").write_text(config.replace('"num_layers": 2', '"num_layers": 3'))


def encoder_alone(preset):
    for name in ("tokenizer.json", "preprocessor.json", "task.json", "task.weights.h5"):
        (preset / name).unlink()
    shutil.rmtree(preset / "assets")


def lead_out(preset):
    secret = preset.with_name("secret")
    secret.write_text("very-secret")
    (preset / "README.md").symlink_to(secret)


def exported(preset):
    shutil.rmtree(preset)
    preset.mkdir()
    for name in (EXPORT, "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (preset / name).write_text("{}")


BROKEN = {
    "no config": (remove("config.json"), errors.PresetMissingError, "holds no config.json"),
    "an export": (exported, errors.PresetMissingError, "holds an export.*Name the preset"),
    "no weights": (remove("model.weights.h5"), errors.PresetMissingError, "no weights of the back"),
    "cut weights": (damage("model.weights.h5"), errors.PresetFormatError, "model.weights.h5"),
    "cut head": (damage("task.weights.h5"), errors.PresetFormatError, "task.weights.h5"),
    "no head": (remove("task.weights.h5"), errors.WeightsError, r"head \(trained\).*no weights"),
    "no tokenizer": (encoder_alone, errors.PresetFormatError, "holds no tokenizer"),
    "no vocabulary": (remove(VOCABULARY), errors.PresetMissingError, "has no assets/tokenizer/"),
    "empty vocabulary": (cut(VOCABULARY, 0), errors.PresetFormatError, "vocabulary"),
    "half of the specials": (cut(VOCABULARY, 3), errors.PresetFormatError, "vocabulary"),
    "cut vocabulary": (cut(VOCABULARY, 6), errors.PresetFormatError, "most of the vocabulary"),
    "too long a vocabulary": (longer(VOCABULARY), errors.PresetFormatError, "rows, too few"),
    "cut preprocessor": (damage("preprocessor.json"), errors.PresetFormatError, "preprocessor"),
    "weights of another size": (other_depth, errors.WeightsError, "is missing"),
    "a link": (lead_out, errors.PresetFormatError, "'README.md' as a link to .*secret"),
    "nothing": (shutil.rmtree, errors.PresetMissingError, "There is no directory"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_directory_that_is_no_whole_preset_is_refused(hub, preset, what):
    if what == "a link" and os.name == "nt":
        pytest.skip("links are a privilege there")
    spoil, error, says = BROKEN[what]
    spoil(preset)
    with pytest.raises(error, match=says):
        mlmzoo.upload_preset(preset, HF)
    assert hub.requests == []


def test_a_handle_in_the_place_of_the_directory_is_refused(preset):
    with pytest.raises(errors.HandleError, match="directory comes first"):
        mlmzoo.upload_preset(HF, preset)


def test_offline_nothing_is_sent(hub, preset, monkeypatch):
    monkeypatch.setenv("MLMZOO_OFFLINE", "1")
    with pytest.raises(errors.HubUnavailableError, match="MLMZOO_OFFLINE=1 forbids"):
        mlmzoo.upload_preset(preset, HF)
    assert hub.requests == []


def test_a_file_that_the_repository_would_ignore_is_told(hub, preset):
    mlmzoo.upload_preset(preset, HF)
    hub.commit("org/name", {".gitignore": b"config.json\n"})
    before = there(hub)
    with pytest.raises(errors.InputError, match=r"\.gitignore names config\.json"):
        mlmzoo.upload_preset(preset, HF)
    assert there(hub) == before


# What else ----------------------------------------------------------------------------------------


def test_a_preset_that_is_replaced_while_it_is_sent_arrives_as_it_was(
    hub, preset, change, monkeypatch
):
    wanted = bytes_in(preset)
    ask = downloader.ask

    def replaced_first(*args):
        change(preset)
        return ask(*args)

    monkeypatch.setattr(downloader, "ask", replaced_first)
    mlmzoo.upload_preset(preset, HF)
    assert there(hub) == wanted
    assert bytes_in(preset) != wanted


def test_a_preset_that_was_replaced_or_lost_a_file_before_it_was_sent_is_told(hub, preset, change):
    how = {"public": False, "message": None}
    upload = plan(preset, HF)
    change(preset)
    with pytest.raises(errors.PresetFormatError, match="replaced by another preset"):
        upload.send(**how)
    upload = plan(preset, HF)
    (preset / "task.json").unlink()
    with pytest.raises(errors.PresetMissingError, match=r"was there a moment ago.*task\.json"):
        upload.send(**how)
    assert hub.requests == []


def test_nothing_stays_beside_the_preset(hub, preset):
    mlmzoo.upload_preset(preset, HF)
    assert not [path for path in preset.parent.iterdir() if path.name.startswith(".mlmzoo")]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be written to")
def test_a_preset_in_a_place_that_may_not_be_written_to_is_sent(hub, preset):
    preset.parent.chmod(0o500)
    try:
        mlmzoo.upload_preset(preset, HF)
    finally:
        preset.parent.chmod(0o700)
    assert there(hub) == bytes_in(preset)


def test_a_preset_that_nothing_can_be_made_beside_is_sent(hub, preset, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(staging, "_locked_staging", refuse)
    monkeypatch.setattr(os, "link", refuse)
    mlmzoo.upload_preset(preset, HF)
    assert there(hub) == bytes_in(preset)


def test_a_source_of_a_plugin_may_take_presets(preset, monkeypatch):
    taken = {}

    class Shelf:
        scheme = "shelf"

        def open(self, handle):
            raise NotImplementedError

        def check_upload(self, handle):
            pass

        def upload(self, handle, request):
            taken.update(bytes_in(request.directory))
            assert set(request.names) == taken.keys()
            return f"{handle}/1"

    assert isinstance(Shelf(), UploadSource)
    found = type(registry()).source
    monkeypatch.setattr(type(registry()), "schemes", ("kaggle", "shelf"))
    monkeypatch.setattr(
        type(registry()),
        "source",
        lambda self, scheme: Shelf() if scheme == "shelf" else found(self, scheme),
    )
    assert mlmzoo.upload_preset(preset, "shelf://a") == "shelf://a/1"
    assert taken == bytes_in(preset)
    assert isinstance(KaggleSource(), UploadSource)

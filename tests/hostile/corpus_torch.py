"""PyTorch files: pickles that would run code, and tensors that are larger than their bytes."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corpus import canaries, hostile

WEIGHTS = "pytorch_model.bin"
TOKENS = "toy.tokens.weight"
NO_STATE_DICT = "was to be read as a PyTorch state dict"


def state(directory: Path) -> dict[str, Any]:
    """The good weights, taken out of the directory."""
    import safetensors.torch

    tensors = safetensors.torch.load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    return tensors


def saved(change: Callable[[dict[str, Any], Any], Any]) -> Callable[[Path], None]:
    """From a change to a state dict, or a new one, to one to a directory."""

    def write(directory: Path) -> None:
        import torch

        tensors = state(directory)
        new = change(tensors, torch)
        torch.save(tensors if new is None else new, directory / WEIGHTS)

    write.__name__ = change.__name__
    return write


def rewritten(
    directory: Path, change: Callable[[str, bytes], bytes], more: str = "archive/padding"
) -> None:
    """The good weights as an archive whose members are changed, and with one more."""
    import torch

    torch.save(state(directory), plain := io.BytesIO())
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(directory / WEIGHTS, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        new.writestr(more, b"A" * 50_000)


class Runs:
    """Runs something when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


@hostile("transformers", error=None, needs="torch")
@saved
def nothing_wrong_with_it(tensors: dict[str, Any], torch: Any) -> None:
    pass


# Code ---------------------------------------------------------------------------------------------

for name, runs in {
    "system": Runs(os.system, "echo hostile"),
    "eval": Runs(eval, "__import__('os')"),
    "open": Runs(open, "/etc/passwd"),
    "import": Runs(__import__, "hostile_canary"),
    "bytearray_of_terabytes": Runs(bytearray, 2**42),
    "attribute": Runs(getattr, "", "join"),
}.items():

    def code(directory: Path, runs: Runs = runs) -> None:
        import torch

        torch.save(state(directory) | {"x": runs}, directory / WEIGHTS)

    code.__name__ = f"pickle_that_runs_{name}"
    hostile("transformers", says=(NO_STATE_DICT, "it asks for"), needs="torch")(code)


@hostile("transformers", says=("it asks for",), needs="torch")
def pickle_that_is_no_archive(directory: Path) -> None:
    state(directory)
    (directory / WEIGHTS).write_bytes(pickle.dumps(Runs(os.system, "echo hostile"), protocol=2))


@hostile("transformers", says=("neither an archive nor a pickle",), needs="torch")
def pickle_of_protocol_4(directory: Path) -> None:
    state(directory)
    (directory / WEIGHTS).write_bytes(pickle.dumps(Runs(os.system, "echo hostile"), protocol=4))


@hostile("transformers", says=("it asks for 'FRAME'",), needs="torch")
def pickle_of_two_protocols(directory: Path) -> None:
    state(directory)
    code = pickle.dumps(Runs(os.system, "echo hostile"), protocol=4)[2:]
    (directory / WEIGHTS).write_bytes(b"\x80\x02" + code)


@hostile("transformers", says=("it asks for",), needs="torch")
def legacy_file_that_runs_code(directory: Path) -> None:
    import torch

    tensors = state(directory) | {"x": Runs(os.system, "echo hostile")}
    torch.save(tensors, directory / WEIGHTS, _use_new_zipfile_serialization=False)


@hostile("transformers", says=("neither an archive nor a pickle",), needs="torch")
def archive_of_the_first_versions(directory: Path) -> None:
    state(directory)
    with tarfile.open(directory / WEIGHTS, "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(pickle.dumps(0, 2)[:4]))


# Promises -----------------------------------------------------------------------------------------


@hostile("transformers", says=(TOKENS, "more than is stored of it"), needs="torch")
@saved
def tensor_of_one_number_stretched(tensors: dict[str, Any], torch: Any) -> None:
    tensors[TOKENS] = torch.zeros(1).expand(2**30, 2**10)


@hostile("transformers", says=("promises",), needs="torch")
@saved
def a_hundred_names_of_one_tensor(tensors: dict[str, Any], torch: Any) -> None:
    tensors.update(dict.fromkeys((f"toy.mix.{n}.weight" for n in range(2, 102)), torch.zeros(9999)))


@hostile("transformers", says=("it asks for",), needs="torch")
@saved
def sparse_tensor(tensors: dict[str, Any], torch: Any) -> None:
    places = torch.zeros((2, 1), dtype=torch.int64)
    tensors[TOKENS] = torch.sparse_coo_tensor(places, torch.ones(1), (2**30, 2**30))


@hostile("transformers", says=("it asks for",), needs="torch")
@saved
def tensor_of_no_device(tensors: dict[str, Any], torch: Any) -> None:
    tensors[TOKENS] = torch.empty((2**30, 2**30), device="meta")


@hostile("transformers", says=("it asks for",), needs="torch")
@saved
def quantised_tensor(tensors: dict[str, Any], torch: Any) -> None:
    tensors[TOKENS] = torch.quantize_per_tensor(tensors[TOKENS], 0.1, 0, torch.qint8)


@hostile("transformers", says=("is compressed",), needs="torch")
def compressed_archive(directory: Path) -> None:
    import torch

    torch.save(state(directory), directory / "plain")
    with (
        zipfile.ZipFile(directory / "plain") as plain,
        zipfile.ZipFile(directory / WEIGHTS, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
        archive.writestr("archive/data/999", bytes(64 * 2**20))


@hostile("transformers", says=("longer than 1048576",), needs="torch")
def pickle_that_unfolds(directory: Path) -> None:
    state(directory)
    with zipfile.ZipFile(directory / WEIGHTS, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02(" + b"]" * 5_000_000 + b"l.")
        archive.writestr("archive/version", "3")


@hostile("transformers", says=("2 pickles",), needs="torch")
def archive_with_two_pickles(directory: Path) -> None:
    import torch

    torch.save(state(directory), directory / WEIGHTS)
    with zipfile.ZipFile(directory / WEIGHTS, "a") as archive:
        archive.writestr("other/data.pkl", pickle.dumps(Runs(os.system, "echo hostile"), 2))


@hostile("transformers", says=("not those that are stored",), needs="torch")
def legacy_file_that_stores_nothing(directory: Path) -> None:
    """PyTorch takes the memory of the tensors as it finds it."""
    import torch

    path = directory / WEIGHTS
    torch.save(state(directory), path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    stream = io.BytesIO(content)
    for _ in range(4):
        for _ in pickletools.genops(stream):
            pass
    path.write_bytes(content[: stream.tell()] + pickle.dumps([], 2) + bytes(len(content)))


@hostile("transformers", says=("and holds 4",), needs="torch")
def archive_with_a_short_member(directory: Path) -> None:
    """PyTorch reads on, in what stands behind it."""
    rewritten(directory, lambda name, content: content[:4] if name.endswith("/data/0") else content)


@hostile("transformers", says=("two members of one name",), needs="torch")
def archive_with_a_member_in_two_cases(directory: Path) -> None:
    rewritten(directory, lambda name, content: content, more="archive/DATA/0")


@hostile("transformers", says=("2 pickles",), needs="torch")
def archive_with_a_pickle_in_capitals(directory: Path) -> None:
    rewritten(directory, lambda name, content: content, more="archive/other.PKL")


@hostile("transformers", says=("nested more than 32",), needs="torch")
def tuple_in_tuples_without_end(directory: Path) -> None:
    """To look such a key up in a dictionary ends the process."""
    state(directory)
    with zipfile.ZipFile(directory / WEIGHTS, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}N" + b"\x85" * 1_000_000 + b"Ns.")
        archive.writestr("archive/version", "3")


# Kinds --------------------------------------------------------------------------------------------


@hostile("transformers", says=("holds a list",), needs="torch")
@saved
def list_of_tensors(tensors: dict[str, Any], torch: Any) -> Any:
    return list(tensors.values())


@hostile("transformers", says=(NO_STATE_DICT,), needs="torch")
def half_an_archive(directory: Path) -> None:
    import torch

    torch.save(state(directory), directory / WEIGHTS)
    content = (directory / WEIGHTS).read_bytes()
    (directory / WEIGHTS).write_bytes(content[: len(content) // 2])


@hostile("transformers", says=(NO_STATE_DICT,), needs="torch")
def legacy_file_cut_short(directory: Path) -> None:
    import torch

    torch.save(state(directory), directory / WEIGHTS, _use_new_zipfile_serialization=False)
    content = (directory / WEIGHTS).read_bytes()
    (directory / WEIGHTS).write_bytes(content[:-64])


@hostile("transformers", says=("outside of its directory",), needs="torch")
def torch_file_linked_out(directory: Path) -> None:
    import torch

    outside = canaries(directory) / "torch"
    torch.save(state(directory), outside)
    (directory / WEIGHTS).symlink_to(outside)

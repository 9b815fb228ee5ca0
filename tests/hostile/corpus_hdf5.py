"""HDF5 files that point elsewhere, go in circles, promise more than they hold, or are broken."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from corpus import canaries, hostile

from mlmzoo.contract.errors import WeightsError

WEIGHTS = "model.weights.h5"
TOKENS = "layers/token/vars/0"


def changed(change: Callable[[h5py.File, Path], None]) -> Callable[[Path], None]:
    """From a change to an open weights file to one to a directory."""

    def write(directory: Path) -> None:
        with h5py.File(directory / WEIGHTS, "r+") as file:
            change(file, directory)

    write.__name__ = change.__name__
    return write


def replaced(file: h5py.File, **how: object) -> h5py.Dataset:
    """The token embedding, made anew in another way."""
    values = file[TOKENS][()]
    del file[TOKENS]
    return file.create_dataset(TOKENS, **({"data": values} | how))


def elsewhere(directory: Path) -> str:
    """A sound file outside the preset with tensors in it."""
    path = canaries(directory) / f"{directory.name}.h5"
    with h5py.File(path, "w") as other:
        other["secret"] = np.ones((4, 4), np.float32)
    return str(path)


# Elsewhere ----------------------------------------------------------------------------------------


@hostile("keras", says=(TOKENS, "a link to something elsewhere"))
@changed
def external_link(file: h5py.File, directory: Path) -> None:
    del file[TOKENS]
    file[TOKENS] = h5py.ExternalLink(elsewhere(directory), "/secret")


@hostile("keras", says=("a link to something elsewhere",))
@changed
def external_link_to_a_group(file: h5py.File, directory: Path) -> None:
    del file["layers/token"]
    file["layers/token"] = h5py.ExternalLink(elsewhere(directory), "/")


@hostile("keras", says=("a link to something elsewhere",))
@changed
def external_link_that_nothing_needs(file: h5py.File, directory: Path) -> None:
    file["more"] = h5py.ExternalLink(elsewhere(directory), "/secret")


@hostile("keras", says=(TOKENS, "in another file"))
@changed
def external_storage(file: h5py.File, directory: Path) -> None:
    values = file[TOKENS][()]
    path = canaries(directory) / f"{directory.name}.raw"
    path.write_bytes(values.tobytes())
    replaced(file, data=None, shape=values.shape, dtype="f4", external=[(path, 0, values.nbytes)])


@hostile("keras", says=(TOKENS, "in another file"))
@changed
def virtual_dataset(file: h5py.File, directory: Path) -> None:
    layout = h5py.VirtualLayout((4, 4), "f4")
    layout[:] = h5py.VirtualSource(elsewhere(directory), "secret", (4, 4))
    del file[TOKENS]
    file.create_virtual_dataset(TOKENS, layout)


# Circles ------------------------------------------------------------------------------------------


@hostile("keras", says=("a link to something elsewhere",))
@changed
def soft_links_in_a_circle(file: h5py.File, directory: Path) -> None:
    file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")


@hostile("keras", says=("a link to something elsewhere",))
@changed
def soft_link_to_a_tensor(file: h5py.File, directory: Path) -> None:
    file.move(TOKENS, "hidden")
    file[TOKENS] = h5py.SoftLink("/hidden")


@hostile("keras", says=("another name of something that has one",))
@changed
def group_that_holds_itself(file: h5py.File, directory: Path) -> None:
    file["layers/token/again"] = file["layers"]


@hostile("keras", says=("another name of something that has one",))
@changed
def root_inside_itself(file: h5py.File, directory: Path) -> None:
    file["layers/root"] = file["/"]


@hostile("keras", says=("another name of something that has one",))
@changed
def thousand_names_of_one_tensor(file: h5py.File, directory: Path) -> None:
    for n in range(1000):
        file[f"layers/mix_{n + 2}/vars/0"] = file[TOKENS]


@hostile("keras", says=("more than 32 levels",))
@changed
def groups_a_hundred_deep(file: h5py.File, directory: Path) -> None:
    file.create_group("/".join("g" * 100))


@hostile("keras", says=("more than 20000 objects",))
@changed
def groups_without_number(file: h5py.File, directory: Path) -> None:
    for n in range(20_001):
        h5py.h5g.create(file.id, str(n).encode())


def names_without_end(directory: Path, length: int, count: int) -> None:
    """Adds a group whose links are stored compressed, which h5py has no call for."""
    plan = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    library = ctypes.CDLL(h5py.h5p.__file__)
    library.H5Pset_deflate.argtypes = [ctypes.c_int64, ctypes.c_uint]
    assert library.H5Pset_deflate(plan.id, 9) == 0
    with h5py.File(directory / WEIGHTS, "r+", libver="latest") as file:
        group = h5py.h5g.create(file.id, b"more", gcpl=plan)
        for n in range(count):
            h5py.h5g.create(group, b"%06d" % n + b"a" * length)


@hostile("keras", says=("a path longer than 1000 bytes",))
def names_of_gigabytes(directory: Path) -> None:
    names_without_end(directory, 65_000, 2_000)


@hostile("keras", says=("its names are longer than the file",))
def names_longer_than_the_file(directory: Path) -> None:
    names_without_end(directory, 900, 1_000)


# Promises -----------------------------------------------------------------------------------------


@hostile("keras", says=(TOKENS, "in pieces, compressed"))
@changed
def compressed_zeros(file: h5py.File, directory: Path) -> None:
    values = np.broadcast_to(np.float32(0), (4096, 16384))
    replaced(file, data=values, compression="gzip", chunks=(4096, 4096))


@hostile("keras", says=(TOKENS, "in pieces, compressed"))
@changed
def compressed_weights(file: h5py.File, directory: Path) -> None:
    replaced(file, compression="gzip", shuffle=True)


@hostile("keras", says=(TOKENS, "in pieces"))
@changed
def chunks_that_were_never_written(file: h5py.File, directory: Path) -> None:
    replaced(file, data=None, shape=(2**20, 2**20), dtype="f4", chunks=(1024, 1024))


@hostile("keras", says=(TOKENS, "in pieces"))
@changed
def shape_without_end(file: h5py.File, directory: Path) -> None:
    replaced(file, data=None, shape=(2**60, 1), dtype="f4", maxshape=(None, 1), chunks=(8, 1))


@hostile("keras", says=(TOKENS, "of which the file holds fewer"))
@changed
def terabytes_that_were_never_written(file: h5py.File, directory: Path) -> None:
    replaced(file, data=None, shape=(2**20, 2**20), dtype="f4")


@hostile("keras", says=(TOKENS, "of which the file holds fewer"))
@changed
def tensor_that_was_never_written(file: h5py.File, directory: Path) -> None:
    replaced(file, data=None, shape=file[TOKENS].shape, dtype="f4")


@hostile("keras", says=(TOKENS, "an array of no shape"))
@changed
def tensor_of_no_shape(file: h5py.File, directory: Path) -> None:
    del file[TOKENS]
    file[TOKENS] = h5py.Empty("f4")


@hostile("keras", says=("invalid dataset size",))
def tensor_longer_than_the_file(directory: Path) -> None:
    """The shape and the size in the header are those of a gigabyte."""
    with h5py.File(directory / WEIGHTS, "r+") as file:
        shape = file[TOKENS].shape
        size = file[TOKENS].nbytes
    header = (directory / WEIGHTS).read_bytes()
    for old, new in ((shape[0], shape[0] * 2**20), (size, size * 2**20)):
        header = header.replace(old.to_bytes(8, "little"), new.to_bytes(8, "little"))
    (directory / WEIGHTS).write_bytes(header)


# Kinds --------------------------------------------------------------------------------------------


@hostile("keras", says=(TOKENS, "no array of numbers"))
@changed
def object_references(file: h5py.File, directory: Path) -> None:
    replaced(file, data=[file["layers"].ref] * 4, dtype=h5py.ref_dtype)


@hostile("keras", says=(TOKENS, "no array of numbers"))
@changed
def region_references(file: h5py.File, directory: Path) -> None:
    other = file["layers/position/vars/0"]
    replaced(file, data=[other.regionref[:2]] * 4, dtype=h5py.regionref_dtype)


@hostile("keras", says=(TOKENS, "no array of numbers"))
@changed
def compound_type(file: h5py.File, directory: Path) -> None:
    replaced(file, data=np.zeros(4, [("a", "f4"), ("b", "f4")]))


@hostile("keras", says=(TOKENS, "no array of numbers"))
@changed
def rows_of_varying_length(file: h5py.File, directory: Path) -> None:
    replaced(file, data=None, shape=(4,), dtype=h5py.vlen_dtype("f4"))


@hostile("keras", says=(TOKENS, "no array of numbers"))
@changed
def texts(file: h5py.File, directory: Path) -> None:
    replaced(file, data=["os.system"] * 4)


@hostile("keras", says=("neither a group nor a dataset",))
@changed
def named_type(file: h5py.File, directory: Path) -> None:
    file["layers/type"] = np.dtype("f4")


@hostile("keras", WeightsError, says=("stored as int32",))
@changed
def whole_numbers(file: h5py.File, directory: Path) -> None:
    replaced(file, data=file[TOKENS][()].astype("i4"))


@hostile("keras", WeightsError, says=("stored as |V8",))
@changed
def opaque_bytes(file: h5py.File, directory: Path) -> None:
    replaced(file, data=file[TOKENS][()].astype("f8").view("V8"))


@hostile("keras", WeightsError, says=("has shape",))
@changed
def transposed(file: h5py.File, directory: Path) -> None:
    replaced(file, data=file[TOKENS][()].T.copy())


@hostile("keras", WeightsError, says=("stored as",))
@changed
def dtype_attribute_that_is_an_array(file: h5py.File, directory: Path) -> None:
    dataset = replaced(file, data=file[TOKENS][()].astype("f2").view("V2"))
    dataset.attrs["dtype"] = np.zeros(5000)


@hostile("keras", error=None, says=("layers/..",))
@changed
def names_of_dots(file: h5py.File, directory: Path) -> None:
    h5py.h5g.create(file["layers"].id, b"..")
    with_dots = h5py.Group(h5py.h5g.open(file["layers"].id, b".."))
    with_dots["vars"] = np.zeros(2, np.float32)


@hostile("keras", says=("control characters",))
@changed
def names_that_steer_a_terminal(file: h5py.File, directory: Path) -> None:
    file["\x1b]0;hostile\x07"] = np.zeros(2, np.float32)


# Broken -------------------------------------------------------------------------------------------

for what, signature in {
    "superblock": b"\x89HDF\r\n\x1a\n",
    "symbol_node": b"SNOD",
    "tree": b"TREE",
    "heap": b"HEAP",
}.items():

    def broken(directory: Path, signature: bytes = signature) -> None:
        content = (directory / WEIGHTS).read_bytes()
        assert signature in content
        (directory / WEIGHTS).write_bytes(content.replace(signature, b"X" * len(signature)))

    broken.__name__ = f"broken_{what}"
    hostile("keras", says=("was to be read as HDF5",))(broken)


@hostile("keras", says=("was to be read as HDF5",))
def half_a_file(directory: Path) -> None:
    content = (directory / WEIGHTS).read_bytes()
    (directory / WEIGHTS).write_bytes(content[: len(content) // 2])


@hostile("keras", says=("was to be read as HDF5",))
def signature_and_noise(directory: Path) -> None:
    noise = np.random.default_rng(0).bytes(4096)
    (directory / WEIGHTS).write_bytes(b"\x89HDF\r\n\x1a\n" + noise)


@hostile("keras", says=("was to be read as HDF5",))
def empty_weights(directory: Path) -> None:
    (directory / WEIGHTS).write_bytes(b"")


@hostile("keras", says=("task.weights.h5", "a link to something elsewhere"))
def link_in_the_weights_of_the_head(directory: Path) -> None:
    with h5py.File(directory / "task.weights.h5", "r+") as file:
        file["more"] = h5py.ExternalLink(elsewhere(directory), "/secret")

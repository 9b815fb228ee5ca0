"""Each reader gives back what the format's own library wrote, whole and in rows."""

import errno
import json
import os
import subprocess
import sys

import h5py
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.tensors.hdf5 import HDF5File
from mlmzoo.presets.tensors.safetensors import SafetensorsFile
from mlmzoo.presets.tensors.torch_bin import TorchFile

DTYPES = ["float32", "float16", "float64", "int64", "int8", "bool", ml_dtypes.bfloat16]


def arrays():
    values = np.arange(-15, 15)
    made = {f"a/{np.dtype(d).name}": values.reshape(5, 6).astype(d) for d in DTYPES}
    return {**made, "scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 3), np.float32)}


def write_safetensors(path, tensors):
    safetensors.numpy.save_file(tensors, path)


def write_hdf5(path, tensors):
    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            if value.dtype == ml_dtypes.bfloat16:
                file.create_dataset(name, data=value.view("V2")).attrs["dtype"] = "bfloat16"
            else:
                file[name] = value


def write_torch(path, tensors, **kwargs):
    torch = pytest.importorskip("torch")
    torch.save(
        {
            name: torch.from_numpy(v.view(np.int16)).view(torch.bfloat16)
            if v.dtype == ml_dtypes.bfloat16
            else torch.from_numpy(v)
            for name, v in tensors.items()
        },
        path,
        **kwargs,
    )


def write_old_torch(path, tensors):
    write_torch(path, tensors, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("reader", "write"),
    [
        (SafetensorsFile, write_safetensors),
        (HDF5File, write_hdf5),
        (TorchFile, write_torch),
        (TorchFile, write_old_torch),
    ],
)
def test_names_shapes_dtypes_and_rows_are_those_written(tmp_path, reader, write):
    path = tmp_path / "weights"
    write(path, arrays())
    with reader(path) as tensors:
        assert tensors.names() == set(arrays())
        for name, value in arrays().items():
            assert tensors.shape(name) == value.shape
            assert tensors.dtype(name) == value.dtype
            assert tensors.read(name).dtype == value.dtype
            np.testing.assert_array_equal(tensors.read(name), value)
            if value.ndim:
                np.testing.assert_array_equal(tensors.read(name, 1, 3), value[1:3])
                np.testing.assert_array_equal(tensors.read(name, 3, 99), value[3:])


def test_what_was_read_from_a_torch_file_does_not_change_with_the_file(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    ones = np.ones((8, 1024), np.float32)
    write_torch(path, {"a": ones})
    with TorchFile(path) as tensors:
        whole, part = tensors.read("a"), tensors.read("a", 2, 4)
        # In place, as a mapped file would show it; another file of that name it would not.
        with path.open("r+b") as file:
            file.seek(path.read_bytes().find(ones.tobytes()))
            file.write(np.zeros_like(ones).tobytes())
        np.testing.assert_array_equal(whole, ones)
        np.testing.assert_array_equal(part, ones[2:4])


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_of_parameters_views_and_tied_tensors_is_read(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    tensors = {
        "parameter": torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "rows": torch.arange(60.0).reshape(20, 3)[2:4],
    }
    path = tmp_path / "pytorch_model.bin"
    saved = {**tensors, "tied": tensors["parameter"]}
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    with TorchFile(path) as read:
        assert read.names() == set(saved)
        for name, tensor in saved.items():
            np.testing.assert_array_equal(read.read(name), tensor.detach().numpy())


def test_a_pytorch_that_can_be_made_to_run_code_is_not_used(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    write_torch(tmp_path / "pytorch_model.bin", arrays())
    monkeypatch.setattr(torch, "load", None)
    for version in ("2.5.1+cu121", "1.13.0"):
        monkeypatch.setattr(torch, "__version__", version)
        with pytest.raises(PresetFormatError, match=f"PyTorch {version[:5]}.*CVE-2025-32434"):
            TorchFile(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize("how", [{"libver": "latest"}, {"userblock_size": 512}])
def test_hdf5_files_of_every_version_are_read(tmp_path, how):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w", **how) as file:
        for n in range(100):  # enough for HDF5 to store a group in another way
            file[f"group/{n}"] = np.full((2, 3), n, np.float32)
    with HDF5File(path) as tensors:
        assert len(tensors.names()) == 100
        np.testing.assert_array_equal(tensors.read("group/99"), np.full((2, 3), 99))


def raw(header, data=b"\0" * 24):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2, 3), offsets=(0, 24)):
    return {"x": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x10",
        (2**63).to_bytes(8, "little") + b"{}",
        raw(b"not json"),
        raw(b"[" * 50_000),
        raw([]),
        raw({"x": 3}),
        raw({"x": {"dtype": "F32"}}),
        raw(entry(offsets=(0, 25)), b"\0" * 30),
        raw(entry(offsets=(8, 32))),
        raw(entry(offsets=(-24, 0))),
        raw(entry(shape=(2, -3))),
        raw(entry(shape=(2, 3.0))),
        raw(entry(shape=(2**40, 2**40))),
        raw(entry(dtype="F8_E4M3", offsets=(0, 6))),
        raw(entry(dtype=["F32"])),
    ],
)
def test_an_unsound_safetensors_file_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(PresetFormatError):
        SafetensorsFile(path)


def test_a_safetensors_file_that_shrinks_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, arrays())
    with SafetensorsFile(path) as tensors:
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size - 400)
        with pytest.raises(PresetFormatError, match="in the middle"):
            for name in tensors.names():
                tensors.read(name)


def test_what_is_no_hdf5_is_refused(tmp_path):
    path = tmp_path / "model.weights.h5"
    path.write_bytes(b"PK\3\4 something else")
    with pytest.raises(PresetFormatError, match="HDF5"):
        HDF5File(path)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.EACCES, errno.EIO])
def test_a_fault_of_this_machine_is_not_laid_on_the_file(tmp_path, monkeypatch, number):
    path = tmp_path / "weights"
    path.write_bytes(b"PK\3\4")

    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(h5py, "File", fail)
    with pytest.raises(OSError, match="does not mean that it is damaged") as raised:
        HDF5File(path)
    assert raised.value.errno == number and raised.value.filename == str(path)
    pytest.importorskip("torch")
    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(OSError, match="does not mean that it is damaged"):
        TorchFile(path)


def test_an_hdf5_file_that_is_being_written_is_not_called_damaged(tmp_path):
    path = tmp_path / "model.h5"
    write = "import h5py, sys; file = h5py.File(sys.argv[1], 'w'); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", write, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout.readline()
        with pytest.raises(OSError, match="no other program writes to it"):
            HDF5File(path)
        writer.communicate()


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/x"), h5py.SoftLink("/real")])
def test_hdf5_links_are_refused(tmp_path, link):
    write_hdf5(tmp_path / "other.h5", {"x": np.ones(3)})
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file["real"] = np.zeros(3)
        file["link"] = link
    with pytest.raises(PresetFormatError, match="'/link', which is a link to something elsewhere"):
        HDF5File(tmp_path / "model.h5")


def test_hdf5_datasets_kept_in_other_files_are_refused(tmp_path):
    (tmp_path / "raw").write_bytes(b"\0" * 64)
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("x", (4,), "f4", external=[(str(tmp_path / "raw"), 0, 64)])
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "external.h5"), "x", (4,))
        file.create_virtual_dataset("x", layout)
    for name in ("external.h5", "virtual.h5"):
        with pytest.raises(PresetFormatError, match="another file"):
            HDF5File(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4broken"])
def test_what_is_no_pytorch_file_is_refused(tmp_path, content):
    pytest.importorskip("torch")
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(content)
    with pytest.raises(PresetFormatError):
        TorchFile(path)


class Code:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_pytorch_file_with_code_in_it_is_refused(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    path = tmp_path / "pytorch_model.bin"
    torch.save({"x": Code()}, path)
    with pytest.raises(PresetFormatError):
        TorchFile(path)
    assert "never" not in capsys.readouterr().out


def test_a_pytorch_file_that_holds_no_state_dict_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "pytorch_model.bin"
    torch.save([torch.zeros(3)], path)
    with pytest.raises(PresetFormatError, match="holds a list"):
        TorchFile(path)

"""`upload_preset`: a directory is seen to be a whole preset, and its files are sent to a hub.

What is looked at is what a load would look at first: the configs, the names of the tensors, and the
tokenizer, which is made. The source of the handle's scheme does the rest.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import (
    HandleError,
    HubUnavailableError,
    InputError,
    PresetFormatError,
    WeightsError,
)
from mlmzoo.contract.protocols import Files, UploadSource
from mlmzoo.contract.records import UploadRequest
from mlmzoo.plugins import registry
from mlmzoo.presets import layouts, weights
from mlmzoo.presets.contents import Contents
from mlmzoo.presets.layouts import keras_names, transformers
from mlmzoo.presets.layouts.place import MODEL, PREPROCESSOR, TOKENIZER
from mlmzoo.presets.resolver import resolve
from mlmzoo.presets.sources.download_settings import offline
from mlmzoo.presets.sources.pinned import PinnedFiles
from mlmzoo.presets.staging import snapshot
from mlmzoo.presets.vanishing import still_there

PATTERNS = (*MODEL, *TOKENIZER, *PREPROCESSOR)
"""What an older preset's files are called, in both layouts."""

BESIDE = ("README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "training.json")
"""What is sent with a preset, and stays there when another one takes its place."""

NOT_READ = {keras_names.NAME: keras_names.METADATA, transformers.NAME: "added_tokens.json"}
"""Layout -> what its own library reads of a preset, and a load here need not."""

FEWEST = 0.5
"""Least tokens for a row of the embedding. Rows without a token make its size a round number, or
are kept for tokens to come; with so many of them, most of the vocabulary is missing."""


@dataclass(frozen=True)
class Upload:
    """A preset that was found to be whole, and where it is to go.

    Args:
        handle: Where to.
        source: What answers to the handle's scheme.
        files: The preset.
        paths: Name in the preset of each file that is sent -> where it is.
        left_out: What else is in the directory; folders end with a slash.
        license: The licence, by the name that the hub has for it, if one was given.
    """

    handle: str
    source: UploadSource
    files: PinnedFiles
    paths: dict[str, Path]
    left_out: tuple[str, ...]
    license: str | None

    def send(self, *, public: bool, message: str | None) -> str:
        """Send it; see `upload_preset`."""
        if forbidden := offline():
            raise HubUnavailableError(
                f"{self.files.handle} was to be uploaded to {self.handle}, and {forbidden} forbids "
                "every request. Unset the variable."
            )
        directory = Path(os.path.realpath(self.files.directory))
        with contextlib.ExitStack() as stack:
            with still_there(self.files.handle):
                place = stack.enter_context(snapshot(directory, self.paths))
            self.files.require_same()
            request = UploadRequest(
                directory=place,
                names=tuple(self.paths),
                replaced=PATTERNS,
                message=message or "Upload a preset with mlmzoo",
                license=self.license,
                public=public,
            )
            return self.source.upload(self.handle, request)


def upload_preset(
    directory: str | os.PathLike[str],
    handle: str,
    *,
    public: bool = False,
    message: str | None = None,
    license: str | None = None,
) -> str:
    """Send a preset to a hub: the files of the preset, and no other that is in the directory.

    It is there as a whole or not at all.

    Args:
        directory: Holds the preset, in either layout.
        handle: ``hf://org/name[@branch]``, ``kaggle://org/model/framework/variation``, or what
            another source takes.
        public: Whether a repository that is made for it is public. One that is there stays as
            it is.
        message: What the history there is to say.
        license: The licence, by the name that the hub has for it; on Hugging Face also SPDX's. It
            goes into the metadata of `README.md` there, and into the text of a card that was
            written here. Kaggle takes it for a new variation. Left out where ``None``.

    Returns:
        The handle to load it from: on Hugging Face of the very commit, on Kaggle of the variation.

    Raises:
        HandleError: `handle` is of no known form, or names what never changes.
        PresetMissingError: `directory` is not there, or holds no preset.
        PresetFormatError: It holds a damaged or incomplete one, or links that lead out of it.
        WeightsError: Weights are missing.
        HubAccessError: There are no credentials, or the hub refused.
        HubUnavailableError: The hub could not be reached, failed or stalled; or requests are
            forbidden.
        InputError: The licence is empty, or contradicts the preset's card or what is there.
    """
    return plan(directory, handle, license).send(public=public, message=message)


def plan(directory: str | os.PathLike[str], handle: str, license: str | None = None) -> Upload:
    """See that a preset is whole and can go to a handle, without any request."""
    if "://" in str(directory):
        raise HandleError(
            f"A preset was to be uploaded from {os.fspath(directory)!r}, which is no directory. "
            "The directory comes first, then the handle."
        )
    if license is not None and not license.strip():
        raise InputError(
            f"The licence was given as {license!r}, which names none. Give the hub's name of it, "
            "such as mit, or leave it out."
        )
    source = _source(handle)
    source.check_upload(handle)
    # As a path: never a built-in preset of that name.
    (found,) = resolve(Path(directory), registry()).files
    files = _Noted(found)
    contents = layouts.read(files, registry())
    _require_weights(contents)
    tokenizer = _require_tokenizer(contents)
    names = {*files.names, *_written(tokenizer, contents.layout), NOT_READ[contents.layout]}
    paths = {name: path for name in sorted({*names, *BESIDE}) if (path := files.path(name))}
    left_out = tuple(_others(files.directory, "", frozenset(paths)))
    return Upload(handle, source, files, paths, left_out, license)


class _Noted(PinnedFiles):
    """Files that remember which of them were asked for and are there."""

    def __init__(self, files: Files) -> None:
        assert isinstance(files, PinnedFiles)  # as all directories are
        super().__init__(files.directory, files.handle)
        self.names: set[str] = set()

    def path(self, name: str) -> Path | None:
        path = super().path(name)
        if path is not None:
            self.names.add(name)
        return path


def _source(handle: str) -> UploadSource:
    scheme, separator, _ = str(handle).partition("://")
    known = {name: registry().source(name) for name in registry().schemes}
    able = {name: source for name, source in known.items() if isinstance(source, UploadSource)}
    if separator and scheme in able:
        return able[scheme]
    found = f"{scheme}:// only loads" if separator and scheme in known else "that names no place"
    raise HandleError(
        f"A preset was to be uploaded to {handle!r}, and {found}. Presets go to "
        f"{', '.join(f'{name}://…' for name in sorted(able))}, such as hf://org/name or "
        "kaggle://org/model/framework/variation."
    )


def _require_weights(contents: Contents) -> None:
    """See that all weights are there by name, as a load would do first.

    Raises:
        WeightsError: One is missing, or all of a head that the preset says it has.
        PresetMissingError: There are none of the backbone.
        PresetFormatError: A file of weights is damaged.
    """
    for part in ("backbone", "head") if contents.has_head else ("backbone",):
        rows = weights.expand(contents.checkpoint, contents.backbone, part)
        with contents.open_weights(part) as tensors:
            weights.require_names(rows, tensors, contents.layout)
    if contents.saved_head_state in ("trained", "unknown") and not contents.has_head:
        raise WeightsError(
            f"{contents.files.handle} was to be uploaded, and says that it has a masked-LM head "
            f"({contents.saved_head_state}), of which it holds no weights. Save the model again; "
            "for the encoder alone, save its backbone."
        )


def _require_tokenizer(contents: Contents) -> Any:
    """The tokenizer, made as a load makes it, and the preprocessor with it.

    Raises:
        PresetMissingError: There is no vocabulary.
        PresetFormatError: There is no tokenizer, a file of it is damaged, or it is not the model's.
    """
    from mlmzoo import Preprocessor  # first: says in words what a missing backend is
    from mlmzoo.tasks import loading

    handle = contents.files.handle
    if contents.tokenizer is None:
        raise PresetFormatError(
            f"{handle} was to be uploaded, and holds no tokenizer, so nobody could give it a text. "
            "Save the tokenizer there, too, with save_to_preset."
        )
    opened = loading.Opened(
        handle, contents.family, contents.backbone, contents.head, None, contents, []
    )
    tokenizer = loading.load_preprocessor(Preprocessor, opened).tokenizer
    tokens, rows = tokenizer.vocabulary_size(), contents.backbone.get("vocabulary_size")
    if rows is not None:
        loading.refuse_too_few_rows(opened, tokens, rows)
        if tokens < FEWEST * rows:
            raise PresetFormatError(
                f"{handle} was to be uploaded, and its tokenizer has {tokens} tokens, where the "
                f"model's embedding has {rows} rows: most of the vocabulary is missing. Save the "
                "tokenizer there again."
            )
    return tokenizer


def _written(tokenizer: Any, layout: str) -> list[str]:
    """Names of the files that a tokenizer is saved in; other libraries read all of them."""
    with tempfile.TemporaryDirectory(prefix="mlmzoo-") as made:
        place = Path(made)
        with contextlib.suppress(InputError):  # it came from a file that holds more than these can
            tokenizer.write_files(place, layout)
        return [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]


def _others(directory: Path, inside: str, sent: frozenset[str]) -> Iterator[str]:
    """What else is there; a folder that nothing is sent of is one."""
    for path in sorted(directory.iterdir()):
        name = f"{inside}{path.name}"
        if path.is_dir() and not path.is_symlink():
            if any(one.startswith(f"{name}/") for one in sent):
                yield from _others(path, f"{name}/", sent)
            else:
                yield f"{name}/"
        elif name not in sent:
            yield name

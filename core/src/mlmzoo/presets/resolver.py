r"""Where a preset is: the grammar of what `from_preset` takes.

- ``name``: a built-in preset.
- ``distribution:name``: the same, of one installed distribution.
- ``scheme://…``: whatever the source of that scheme takes: ``hf://org/name[@revision]``,
  ``kaggle://org/model/framework/variation[/version]``, ``package://import_name/path``, a plugin's.
- ``./name``, ``../name``, ``~/name``, ``/name``, ``C:\name``, any `os.PathLike`: a directory.
- ``name`` or ``some/name``: a directory, too, if it is there and holds a preset and no built-in
  preset is called so.

Nothing else is guessed at: what is only nearly of a form is an error that shows the right one.
"""

from __future__ import annotations

import errno
import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from mlmzoo.contract.errors import (
    HandleError,
    PresetMissingError,
    PresetWarning,
    UnknownNameError,
)
from mlmzoo.contract.protocols import Files, Source
from mlmzoo.contract.records import Preset
from mlmzoo.presets.sources.pinned import PinnedFiles
from mlmzoo.presets.staging import recover

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HALF_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{0,2}(?=[^/])(.*)")
# One letter before a colon is a Windows drive, so a distribution has two characters or more.
_DRIVE = re.compile(r"[A-Za-z]:")
_QUALIFIED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]:[^\s:/\\]+")
_DIRECTORY_STARTS = ("./", "../", "~", "/", "\\", ".\\", "..\\")

_CONFIG = "config.json"

_FORMS = (
    "A preset is given as a built-in name (mlmzoo.list_presets() lists them), "
    "distribution:name, hf://org/name[@revision], "
    "kaggle://org/model/framework/variation[/version], or a directory (./name, ~/name, /name)."
)


class Names(Protocol):
    """What the resolver asks of the registry of plugins."""

    @property
    def schemes(self) -> Iterable[str]:
        """Schemes of the registered sources."""
        ...

    def source(self, scheme: str) -> Source:
        """The source of a scheme."""
        ...

    def find_preset(self, name: str) -> Preset | None:
        """The built-in preset called `name`, if there is exactly one."""
        ...

    def preset(self, name: str) -> Preset:
        """The same, qualified or not; an error that says what went wrong where there is none."""
        ...


@dataclass(frozen=True)
class Location:
    """Where the files of a preset are.

    Args:
        asked: What was asked for, as text.
        builtin: The built-in preset of that name, or ``None``.
        files: The places to try, in order. Nothing was fetched yet.
    """

    asked: str
    builtin: Preset | None
    files: tuple[Files, ...]


def resolve(preset: str | os.PathLike[str], registry: Names) -> Location:
    """Find out where a preset is, without a request to anywhere.

    Args:
        preset: A name, a handle or a directory; the module says in which forms.
        registry: Knows the built-in presets and the sources.

    Raises:
        HandleError: `preset` has none of the forms.
        PresetMissingError: The directory is not there or holds no preset.
        UnknownNameError: No installed plugin has a built-in preset of that name.
        AmbiguousNameError: Two have.

    Warns:
        PresetWarning: A built-in preset hides a directory of the same name.
    """
    if isinstance(preset, os.PathLike):
        path = os.fspath(preset)
        if isinstance(path, str):
            return _directory(path, registry)
    if not isinstance(preset, str):
        raise HandleError(f"{preset!r} is {_article(preset)}, not the name of a preset. {_FORMS}")
    if not preset.strip():
        raise HandleError(f"{preset!r} is empty, and names no preset. {_FORMS}")
    if preset != preset.strip() or not preset.isprintable():
        raise HandleError(
            f"{preset!r} has white space around it or characters that cannot be printed, and "
            f"names no preset. Did you mean {''.join(filter(str.isprintable, preset)).strip()!r}?"
        )
    scheme = _SCHEME.match(preset)
    if scheme:
        return Location(preset, None, (_open(preset, registry),))
    if _is_directory_form(preset):
        return _directory(preset, registry)
    if ":" in preset:
        return _qualified(preset, registry)
    if "/" in preset or "\\" in preset:
        return _relative(preset, registry)
    return _bare_word(preset, registry)


def _open(handle: str, registry: Names) -> Files:
    scheme = handle.partition("://")[0]
    known = list(registry.schemes)
    if scheme in known:
        return registry.source(scheme).open(handle)
    if scheme.lower() in known:
        hint = f"Write {scheme.lower()}{handle[len(scheme) :]}."
    elif scheme.lower() in ("http", "https"):
        form = _from_web_address(handle)
        hint = "A web address is no preset. " + (f"Write {form}." if form else _FORMS)
    elif scheme.lower() == "file":
        hint = f"A directory is given as a plain path: {handle[len(scheme) + 3 :]}."
    else:
        forms = ", ".join(f"{name}://" for name in sorted(known)) or "none"
        hint = f"Known schemes: {forms}. Another one comes with a plugin that has to be installed."
    raise HandleError(f"{handle!r} begins with {scheme}://, which no source answers to. {hint}")


def _from_web_address(address: str) -> str | None:
    """The handle of the page a person may have copied the address of."""
    hub = re.match(r"(?i)https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^?#]+)", address)
    if hub:
        org, _, rest = hub[1].partition("/")
        name, _, rest = rest.partition("/")
        revision = rest.removeprefix("tree/").rstrip("/") if rest.startswith("tree/") else ""
        return f"hf://{org}/{name}" + (f"@{revision}" if revision else "") if name else None
    models = re.match(r"(?i)https?://(?:www\.)?kaggle\.com/models/([^?#]+)", address)
    if models and len(models[1].rstrip("/").split("/")) in (4, 5):
        return f"kaggle://{models[1].rstrip('/')}"
    return None


def _is_directory_form(text: str) -> bool:
    return text in (".", "..") or text.startswith(_DIRECTORY_STARTS) or bool(_DRIVE.match(text))


def _qualified(preset: str, registry: Names) -> Location:
    half = _HALF_SCHEME.fullmatch(preset)
    if half and half[1].lower() in registry.schemes:
        raise HandleError(
            f"{preset!r} is not quite a handle: two slashes follow the colon. Write "
            f"{half[1].lower()}://{half[2]}."
        )
    if not _QUALIFIED.fullmatch(preset):
        raise HandleError(
            f"{preset!r} has a colon, but is neither distribution:name nor scheme://… {_FORMS}"
        )
    return _builtin(preset, registry.preset(preset), registry)


def _builtin(asked: str, preset: Preset, registry: Names) -> Location:
    try:
        files = tuple(_open(source, registry) for source in preset.sources)
    except HandleError as error:
        raise HandleError(
            f"The built-in preset {asked!r} cannot be loaded: its package gives a source that is "
            f"not understood. {error}"
        ) from None
    return Location(asked, preset, files)


def _bare_word(name: str, registry: Names) -> Location:
    builtin = registry.find_preset(name)
    if builtin is not None:
        if _holds_preset(Path(name)):
            warnings.warn(
                f"{name!r} is a built-in preset and a directory here. The built-in preset is "
                f"used; for the directory write ./{name}.",
                PresetWarning,
                stacklevel=4,
            )
        return _builtin(name, builtin, registry)
    if _holds_preset(Path(name)):
        return _directory(name, registry)
    try:
        return _builtin(name, registry.preset(name), registry)
    except UnknownNameError as error:
        if os.path.exists(name):
            # A person may have meant the directory: what is wrong with it is worth saying.
            try:
                _directory(name, registry)
            except (HandleError, PresetMissingError) as problem:
                raise type(problem)(f"{name!r} is no built-in preset. {problem}") from None
        raise UnknownNameError(
            f"{error}\nThere is no directory {name!r} here either. A repository on Hugging Face "
            f"is written with its organisation: hf://org/{name}."
        ) from None


def _relative(preset: str, registry: Names) -> Location:
    if _holds_preset(Path(preset)) or os.path.exists(preset):
        return _directory(preset, registry)
    name = preset.strip("/\\")
    if preset[-1] in "/\\" and registry.find_preset(name) is not None:
        raise HandleError(
            f"{preset!r} ends with a slash, as a directory does, and there is none. For the "
            f"built-in preset write {name}."
        )
    parts = name.split("/")
    if len(parts) in (4, 5) and "kaggle" in registry.schemes:
        hint = f"For Kaggle write kaggle://{name}; for a directory ./{name}."
    else:
        hint = f"For Hugging Face write hf://{name}; for a directory ./{name}."
    raise HandleError(
        f"{preset!r} is no directory here, and a handle of a hub begins with its scheme. {hint}"
    )


def _directory(asked: str, registry: Names) -> Location:
    path = Path(os.path.expanduser(asked))
    if _holds_preset(path):
        return Location(asked, None, (PinnedFiles(path, asked),))
    if path.is_dir():
        _no_preset_in(asked, path)
    if path.exists():
        if path.suffix == ".keras":
            hint = "A .keras file is loaded with mlmzoo.load_model."
        elif _holds_preset(path.parent):
            hint = f"The preset is the directory that holds it: {path.parent}."
        else:
            hint = f"A preset is a directory that holds a {_CONFIG}."
        raise HandleError(f"{asked!r} is a file, not a preset. {hint}")
    half = _HALF_SCHEME.fullmatch(asked)
    if half and half[1].lower() in registry.schemes:  # os.PathLike eats the second slash
        hint = f"For the hub give the text '{half[1].lower()}://{half[2]}', not a path."
    else:
        hint = f"Check the path; a preset is a directory that holds a {_CONFIG}."
    raise PresetMissingError(f"There is no directory {asked!r} ({path.absolute()}). {hint}")


def _no_preset_in(asked: str, path: Path) -> NoReturn:
    from mlmzoo.presets.layouts.place import EXPORT  # imports what reads weights

    names = sorted(os.listdir(path))
    if EXPORT in names:
        raise PresetMissingError(
            f"The directory {asked!r} ({path.absolute()}) holds an export ({EXPORT}), which is "
            "for other runtimes, and no preset. Name the preset that it was made from."
        )
    inside = [name for name in names if _holds_preset(path / name)]
    if inside:
        hint = f"These directories in it do: {', '.join(inside[:5])}."
    elif names:
        hint = f"It holds {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}."
    else:
        hint = "It is empty."
    raise PresetMissingError(
        f"The directory {asked!r} ({path.absolute()}) holds no {_CONFIG}, so it is no preset. "
        f"{hint} save_to_preset writes one."
    )


def _holds_preset(path: Path) -> bool:
    recover(path)
    try:
        return (path / _CONFIG).is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # a text that was never meant to be a path
            return False
        raise


def _article(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"

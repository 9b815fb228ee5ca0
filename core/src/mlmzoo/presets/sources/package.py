"""Presets shipped inside an installed Python package: ``package://name/path/to/preset``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mlmzoo.contract.errors import HandleError, PresetMissingError
from mlmzoo.presets.sources.file_names import check_file_name
from mlmzoo.presets.sources.local import LocalFiles

_FORM = "package://import_name/path/of/the/preset"


class PackageFiles:
    """The files of a preset directory inside an installed package.

    The package is found, never imported.

    Args:
        handle: The whole handle.
        package: Import name of the package, dots allowed.
        directory: Path of the preset inside it, with forward slashes.
    """

    def __init__(self, handle: str, package: str, directory: str):
        self.handle = handle
        self._package = package
        self._directory = directory
        self._files: LocalFiles | None = None

    def path(self, name: str) -> Path | None:
        """Path of the file called `name`, or ``None`` where the preset has no such file.

        Raises:
            PresetMissingError: The package is not installed or holds no such preset.
            PresetFormatError: `name` leads out of the preset.
        """
        check_file_name(name, self.handle)
        if self._files is None:
            # A package is code that was installed, and some installers link its files.
            self._files = LocalFiles(self._find(), self.handle, follow_links=True)
        return self._files.path(name)

    def _find(self) -> Path:
        # For a dotted name, Python would import what is before the last dot.
        top, *inner = self._package.split(".")
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):  # what is imported and has no spec, such as __main__
            spec = None
        if spec is None:
            raise PresetMissingError(
                f"{self.handle} is inside the Python package {self._package!r}, which is not "
                "installed here. Install the distribution that holds it."
            )
        # A namespace package has several places; a module or a zipped package has none on disk.
        places = [str(Path(place, *inner)) for place in spec.submodule_search_locations or ()]
        for place in places:
            directory = Path(place, *self._directory.split("/"))
            if (directory / "config.json").is_file():
                return directory
        raise PresetMissingError(
            f"{self.handle} names {self._directory!r} in the Python package {self._package!r}, "
            f"where there is no such preset (searched {', '.join(places) or 'no directory'}). "
            "Install a newer version of the distribution, or check the path."
        )

    def __repr__(self) -> str:
        return f"PackageFiles({self.handle!r})"


class PackageSource:
    """Presets inside installed packages; how a plugin embeds one in its wheel."""

    scheme = "package"

    def open(self, handle: str) -> PackageFiles:
        """The files behind ``package://import_name/path``.

        Raises:
            HandleError: The handle has another form.
        """
        package, _, directory = handle.removeprefix("package://").partition("/")
        parts = directory.split("/")
        if not all(part.isidentifier() for part in package.split(".")) or any(
            part in ("", ".", "..") or "\\" in part for part in parts
        ):
            raise HandleError(
                f"{handle!r} is no preset of an installed package: the form is {_FORM}, without "
                "a slash at the end."
            )
        return PackageFiles(handle, package, directory)

"""The command ``mlmzoo new-plugin``. What it writes is in `mlmzoo/template`."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import click

from mlmzoo.cli import options


@dataclass(frozen=True)
class PackageNames:
    """What the parts of a new plugin are called; what the template is filled in with.

    Args:
        distribution: What pip calls the package, e.g. ``"mlmzoo-my-bert"``.
        module: What Python calls it, e.g. ``"mlmzoo_my_bert"``.
        family: Name of the family and of the entry point, e.g. ``"my_bert"``.
        prefix: What names of its classes begin with, e.g. ``"MyBert"``.
        mlmzoo: Versions of mlmzoo it works with, e.g. ``">=0.1,<0.2"``.
    """

    distribution: str
    module: str
    family: str
    prefix: str
    mlmzoo: str

    @classmethod
    def of(cls, name: str) -> PackageNames:
        """The names that follow from one, which may begin with ``mlmzoo-``.

        Raises:
            click.BadParameter: No package or module can be called so, or an official plugin is.
        """
        from mlmzoo import __version__
        from mlmzoo.plugins.names import normalise
        from mlmzoo.plugins.validation import SHORT_NAME

        short = normalise(name).removeprefix("mlmzoo-")
        if not SHORT_NAME.fullmatch(short):
            raise click.BadParameter(
                f"{name!r} cannot be the name of a package and of a Python module. Use letters and "
                "digits, a letter first, with single hyphens between words, for instance my-bert."
            )
        major, minor = __version__.split(".")[:2]
        names = cls(
            distribution=f"mlmzoo-{short}",
            module=f"mlmzoo_{short.replace('-', '_')}",
            family=short.replace("-", "_"),
            prefix="".join(word.capitalize() for word in short.split("-")),
            mlmzoo=f">={major}.{minor},<{major}.{int(minor) + 1}",
        )
        if owner := _taken(names):
            raise click.BadParameter(
                f"{name!r} is taken: it is what {owner} offers, a plugin of mlmzoo's own. Choose "
                f"another name, for instance my-{short}."
            )
        return names


@click.command("new-plugin")
@click.argument("name", callback=lambda ctx, parameter, value: PackageNames.of(value))
@click.option("--output", metavar="DIR", help="A new directory.  [default: ./mlmzoo-NAME]")
@options.debug
def command(name: PackageNames, output: str | None) -> None:
    """Write a complete package for a new family called NAME, for instance my-bert.

    The package is called mlmzoo-NAME. It holds a small family that works, its tests, a preset
    without weights, and a CI workflow; docs/authors/tutorial.md says what each file is for.
    """
    copy = _copier()
    directory = options.make_directory(output or name.distribution)
    with resources.as_file(resources.files("mlmzoo") / "template") as template:
        copy(str(template), directory, data=asdict(name), defaults=True, quiet=True)
    click.echo(
        f"{name.distribution}, with the family {name.family}, is in {directory}. To see it work:\n"
        "\n"
        f"    cd {shlex.quote(directory)}\n"
        '    pip install -e ".[tests]"\n'
        f"    mlmzoo check-plugin {name.family}\n"
        "    pytest\n"
        "\n"
        "Before you publish it, replace every YOUR-NAME in it (grep -r YOUR-NAME .)."
    )


def _taken(names: PackageNames) -> str | None:
    """The official plugin that a new one would stand in the way of, or be mistaken for."""
    from mlmzoo.plugins.diagnosis import official

    for distribution, row in official().items():
        same_classes = names.prefix.lower() == row["class_prefix"].lower()
        if names.distribution == distribution or same_classes:
            return distribution
    return None


def _copier() -> Any:
    """`copier.run_copy`.

    Raises:
        MissingPackageError: It is not installed.
    """
    from mlmzoo.contract.errors import MissingPackageError

    try:
        from copier import run_copy
    except ImportError as error:
        raise MissingPackageError(
            "mlmzoo new-plugin fills in a template with copier, which cannot be imported "
            f"({error}). Install it: pip install 'mlmzoo[new-plugin]'"
        ) from error
    return run_copy

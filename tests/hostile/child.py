"""Load hostile presets one after another in this process, and tell of each what happened.

    python child.py directory name ...

Each gets a line of JSON. The process may die on one of them; whoever started it goes on with the
next in another one.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import warnings
from pathlib import Path

from corpus import CORPUS, corpus, good
from watch import Watch, limited_memory

from mlmzoo.contract.errors import MlmzooError


def load(directory: Path, how: str, place: Path) -> object:
    """What an entry's `load` stands for; what was loaded is used, and may say something."""
    import mlmzoo

    if how == "info":
        return info(directory)
    if how == "model":
        task = mlmzoo.load_model(directory / "model.keras")
    else:
        task = mlmzoo.MaskedLM.from_preset(directory, load_weights=how != "architecture")
    task.preprocessor(["a short text"])
    for layout in ("keras", "transformers"):
        task.save_to_preset(place / how / layout, layout, allow_non_finite=True)
    return task.load_report


def contents(directory: Path) -> dict[str, object]:
    """Every file, link and directory in a preset, and what is in it."""
    return {
        str(path): path.readlink()
        if path.is_symlink()
        else beginning(path)
        if path.is_file()
        else path.stat().st_mode
        for path in sorted(directory.rglob("*"))
    }


def beginning(path: Path) -> tuple[int, bytes]:
    """Size and first megabytes of a file, which may be one great hole."""
    with path.open("rb") as file:
        return path.stat().st_size, file.read(2**22)


def info(directory: Path) -> str:
    """``mlmzoo info``, which looks at the same files in its own way."""
    from click.testing import CliRunner

    from mlmzoo.cli.application import BUG, application

    result = CliRunner().invoke(application(), ["info", str(directory), "--weights", "--json"])
    if result.exit_code == BUG or not isinstance(result.exception, SystemExit | None):
        raise RuntimeError(f"mlmzoo info failed: {result.output[-500:]} {result.exception!r}")
    return result.output


def told(directory: Path, how: str, watch: Watch) -> dict:
    """What happened when it was loaded, and written to a place beside all presets."""
    place = watch.writable
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    found = {"error": None, "kinds": [], "message": ""}
    start = time.perf_counter()
    with limited_memory() as grown, watch.watching(directory) as seen:
        try:
            found["message"] = str(load(directory, how, place))
        except BaseException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            found |= {"error": type(error).__name__, "kinds": kinds, "message": str(error)}
            found["ours"] = isinstance(error, MlmzooError)
    return found | {"seen": seen, "grown": grown[0], "seconds": time.perf_counter() - start}


def main(where: Path, names: list[str]) -> None:
    """Make the good presets, load them, then the hostile ones."""
    corpus()
    warnings.simplefilter("ignore")
    canaries = where / "canaries"
    canaries.mkdir(exist_ok=True)
    for family, layout in sorted({(CORPUS[name].family, CORPUS[name].layout) for name in names}):
        good(where, family, layout)
    watch = Watch(canaries, readable=[], writable=where / "written")
    for family, layout in sorted({(CORPUS[name].family, CORPUS[name].layout) for name in names}):
        directory = good(where, family, layout)
        for how in ("task", "architecture", "info"):
            told(directory, how, watch)  # imports and compiles what loading needs
        found = [told(directory, how, watch) for how in ("task", "architecture", "info")]
        print(json.dumps({"name": f"good {family} {layout}", "found": found}), flush=True)
    for name in names:
        entry = CORPUS[name]
        directory = where / "presets" / name
        shutil.copytree(good(where, entry.family, entry.layout), directory)
        before = contents(directory)
        entry.write(directory)
        differs = contents(directory) != before
        print(json.dumps({"starts": name}), flush=True)
        found = [told(directory, how, watch) for how in dict.fromkeys((entry.load, "info"))]
        print(json.dumps({"name": name, "differs": differs, "found": found}), flush=True)
        shutil.rmtree(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""Fuzz the readers of presets, guided by coverage.

    python tests/fuzz/fuzz.py                            every target, 10 seconds each
    python tests/fuzz/fuzz.py unigram --seconds 600      one target, longer
    python tests/fuzz/fuzz.py --corpus DIR               go on from, and add to, what is in DIR

An input that breaks a reader is kept in ``tests/fuzz/regressions/<target>/``, where a test reads it
from then on. Needs atheris: ``pip install -r tests/fuzz/requirements.txt``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
MEMORY = 2048
"""Megabytes a target may take, the libraries included."""
SECONDS = 10
"""For one input. The slowest good one takes a twentieth of a second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", help="which; all if none is named")
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--runs", type=int, default=-1, help="most inputs for each target")
    parser.add_argument("--corpus", type=Path, help="directory of inputs, kept")
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    options = parser.parse_args()

    from reader_targets import MAKERS

    if unknown := set(options.targets) - set(MAKERS):
        parser.error(f"no target is called {', '.join(sorted(unknown))}: {', '.join(MAKERS)}")
    failed = [name for name in options.targets or MAKERS if not run(name, options)]
    if failed:
        sys.exit(f"Faults were found in {', '.join(failed)}; see {HERE / 'regressions'}.")


def run(name: str, options: argparse.Namespace) -> bool:
    """Fuzz one target in a process of its own; whether nothing was found."""
    from reader_targets import target

    kept = HERE / "regressions" / name
    kept.mkdir(parents=True, exist_ok=True)
    before = set(kept.iterdir())
    with tempfile.TemporaryDirectory() as made:
        corpus = (options.corpus or Path(made)) / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(target(name).inputs()):
            (corpus / f"good-{number}").write_bytes(data)
        arguments = [
            str(corpus),
            str(kept),
            f"-max_total_time={options.seconds}",
            f"-runs={options.runs}",
            f"-artifact_prefix={kept}{os.sep}",
            f"-rss_limit_mb={MEMORY}",
            f"-timeout={SECONDS}",
            f"-seed={options.seed}",
            "-max_len=1000000",
            "-len_control=0",
            "-reduce_inputs=0",
            "-print_final_stats=1",
        ]
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, __file__, "--within", name, *arguments])
    found = set(kept.iterdir()) - before
    for path in found:
        print(f"{path}: {path.read_bytes()[:2000]!r}", flush=True)
    return done.returncode == 0 and not found


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz a target in this process, which ends with that."""
    import atheris

    with atheris.instrument_imports(include=["mlmzoo"]):
        from mutations import mutate
        from reader_targets import check, join, split, target

    readers = target(name)
    good = readers.inputs()
    places = [split(data)[0] for data in good]

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        place, content = split(data)
        if place not in places or not random.randrange(8):
            place, content = split(random.choice(good))
        if random.randrange(3):
            content = mutate(content, random)
        else:
            content = atheris.Mutate(content, max(1, max_size - len(place) - 1))
        return join(place, content)[:max_size]

    atheris.Setup(
        [sys.argv[0], *arguments], lambda data: check(readers, data), custom_mutator=change
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--within"]:
        fuzz(sys.argv[2], sys.argv[3:])
    main()

"""The process of one contestant: ``python -m benchmarks.contestants LIBRARY FILE_DESCRIPTOR``."""

from __future__ import annotations

import importlib
import sys

from benchmarks.turns import Turns


def main() -> None:
    library, descriptor = sys.argv[1:]
    with open(int(descriptor), "w", encoding="utf-8") as writer:
        turns = Turns(sys.stdin, writer)
        module = importlib.import_module(f"benchmarks.contestants.{library}")
        while (order := turns.next_order()) is not None:
            getattr(module, order["job"])(turns, order["work"])
            turns.done()


main()

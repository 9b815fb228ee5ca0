"""``python -m mlmzoo``: the command line."""

from mlmzoo.cli import main

if __name__ == "__main__":
    main()

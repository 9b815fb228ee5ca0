"""What can be said of an installed plugin without running its tests.

Each check is a function that returns what it found, in a few words, or raises an error that says
what is wrong. ``mlmzoo check-plugin`` prints them, and the conformance suite is made of them where
no tensor is needed. Importing this imports no backend; only `mlmzoo.checks.family` does.
"""

from mlmzoo.checks.outcome import Outcome
from mlmzoo.checks.plugin import check_plugin

__all__ = ["Outcome", "check_plugin"]

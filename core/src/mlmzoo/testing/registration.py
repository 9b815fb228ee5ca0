"""Promises about the plugin itself, as ``mlmzoo check-plugin`` checks them."""

from __future__ import annotations

from mlmzoo.checks import announcement, classes, discovery, parameters, weight_table
from mlmzoo.checks.plugin import find
from mlmzoo.contract.records import Family
from mlmzoo.plugins import PluginInfo, registry
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.testing.promises import Promises


class RegistrationPromises(Promises):
    """The plugin is found, cheaply, and what its records say is true."""

    def test_the_plugin_is_valid(self, family: Family) -> None:
        """Metadata, entry point, hooks, records and presets file are in order.

        Troubleshooting: ``mlmzoo check-plugin`` shows the same as a table. After a change of
        entry points, install the package anew.
        """
        plugin = _plugin_of(family)
        announcement.metadata(plugin)
        faults = [o.detail for o in announcement.accepted(plugin) if o.state == "failed"]
        assert not faults
        parameters.sources(family)

    def test_no_other_package_claims_its_names(self, family: Family) -> None:
        """Preset names, serialized names, model types and class names are the plugin's own.

        Troubleshooting: choose other names, or test where the other package is not installed.
        """
        announcement.unclaimed(_plugin_of(family))

    def test_discovery_imports_nothing_heavy(self, family: Family) -> None:
        """Finding the plugin imports no Keras, no backend and no tokenizer library.

        Troubleshooting: `plugin.py`, and the ``__init__`` of its package, import nothing but
        `mlmzoo.contract`; classes are named by strings.
        """
        discovery.imports_nothing_heavy(_plugin_of(family))

    def test_class_paths_lead_to_classes_of_the_right_kind(self, family: Family) -> None:
        """Each path in the records can be imported and is what it is said to be.

        Troubleshooting: a path reads ``"package.module:Name"``; inherit from `mlmzoo.Backbone`,
        `mlmzoo.Tokenizer`, `mlmzoo.MaskedLMPreprocessor` and `mlmzoo.MaskedLM`.
        """
        classes.class_paths(family)
        plugin = _plugin_of(family)
        for binding in registry().loaded(plugin.name, plugin.distribution).tasks:
            classes.task_path(binding)

    def test_the_weight_table_names_every_variable_once(
        self, family: Family, task: MaskedLM
    ) -> None:
        """The table has one row for each variable of backbone and head, and no other.

        Troubleshooting: ``[w.path for w in task.weights]`` are the names that rows give as `ours`.
        """
        weight_table.covers(family, task)

    def test_presets_have_the_parameters_they_say(self, family: Family) -> None:
        """Each built-in preset's backbone has exactly its number of `parameters`.

        Troubleshooting: compare the sizes in ``presets.json`` with the published config. No weights
        are made for this: a layer that draws values in its constructor, not through
        `add_weight`, fails here.
        """
        parameters.parameter_counts(family)


def _plugin_of(family: Family) -> PluginInfo:
    return next(plugin for plugin in find(family.name) if family.name in plugin.families)

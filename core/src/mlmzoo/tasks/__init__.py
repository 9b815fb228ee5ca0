"""The concrete base classes a family subclasses: they fulfil the protocols of `mlmzoo.contract`."""

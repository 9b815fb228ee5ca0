"""Presets of mlmzoo in S3."""

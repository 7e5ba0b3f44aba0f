"""Analyzers: filled tables in, plain result dicts out; one file each, in three domains."""

"""Importers: usage logs of other systems in, call records out; one file per format."""

"""Exporters: what leaves the product in other formats."""

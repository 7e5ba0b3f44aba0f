"""Tests; they mirror the layout of `src/finops`."""

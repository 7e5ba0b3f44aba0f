"""Tests of the advanced analytics."""

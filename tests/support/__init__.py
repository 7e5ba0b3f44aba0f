"""Helpers of the tests: a plain twin of the scan, and makers of rows."""

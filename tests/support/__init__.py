"""Helpers of the tests: a reference of the scan, and makers of rows."""

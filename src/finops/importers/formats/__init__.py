"""The formats of usage logs, one a file."""

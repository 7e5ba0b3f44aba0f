"""The summary of a dataset for a terminal: one table, by one or two dimensions."""

"""The CSV as a dataset: reading with accounting, appending safely, rolling up in one pass."""

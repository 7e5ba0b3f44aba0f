"""The report pages, one file for each analysis, and the index."""

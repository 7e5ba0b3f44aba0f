"""One pass over the file that fills every declared table."""

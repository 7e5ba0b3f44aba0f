"""Small tables aggregated over calls, filled in one pass and merged across parts of a file."""

"""The simulator: realistic AI API calls with planted incidents, reproducible to the byte."""

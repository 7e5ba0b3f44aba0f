"""Report generators: a result dict in, one self-contained HTML page out."""

"""FOCUS, the FinOps Foundation's format of bills: versions 1.4 and 1.2 from one mapping."""

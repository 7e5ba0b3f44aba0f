"""Tests of the runnable examples: each is run as a reader would, and its claims are checked."""

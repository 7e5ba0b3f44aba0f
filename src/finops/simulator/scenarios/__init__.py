"""Twelve scenarios: each says how many calls an hour brings, and what is special about them."""

"""Revenium FinOps Showcase: see where the money of AI features goes."""

from __future__ import annotations

__version__ = "1.0.0"

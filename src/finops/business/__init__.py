"""Providers, models, prices and tiers: what a call costs and what a customer pays."""

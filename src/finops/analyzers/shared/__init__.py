"""What several analyzers share: detectors, forecasts, sums by day, wording."""

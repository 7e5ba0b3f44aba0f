"""The live viewer: a local web server over the reports and the data."""

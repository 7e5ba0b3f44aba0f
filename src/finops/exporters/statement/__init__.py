"""Statements: what one organization used in a month, as a page to print or send."""

"""From the bytes of a CSV to checked columns of calls."""

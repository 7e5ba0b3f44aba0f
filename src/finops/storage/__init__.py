"""Writing the CSV so that it survives any interruption: append, commit record, lock, recovery."""

"""Types of the results: what an analyzer builds, a generator takes, and the JSON holds."""

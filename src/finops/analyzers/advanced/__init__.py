"""Advanced analyzers: overview, tokens, latency, churn, abuse."""

"""What a scheduled run reports: exceeded budgets and findings, in lines and to a webhook."""

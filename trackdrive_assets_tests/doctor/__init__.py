"""What doctor finds out about an account, and about its opposite."""

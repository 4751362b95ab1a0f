"""What the page says, beside the calls that it is about."""

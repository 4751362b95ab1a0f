"""What the tables promise: their columns, and how values are read."""

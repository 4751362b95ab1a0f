"""Calls of an account, and a statement of each month that is computed from them."""

"""Pages for people, and what writes some of them from the code."""

"""How fast, and at what cost: programs beside this one, against one server. README.md has the results."""

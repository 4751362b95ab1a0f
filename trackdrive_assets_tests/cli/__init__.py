"""The `trackdrive` command: what a person types, sees, and gets as an exit code."""

"""The component of the account, and the project's own assets."""

"""What the API client promises, layer by layer, and whole against the sandbox."""

"""What the sandbox promises, asked over real HTTP where the wire is the promise."""

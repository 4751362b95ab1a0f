"""Tests of the sandbox, over real HTTP if the response is what matters."""

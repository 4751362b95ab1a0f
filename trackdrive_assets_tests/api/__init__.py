"""Tests of the API client: each layer alone, and all of them against the sandbox."""

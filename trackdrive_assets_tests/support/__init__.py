"""Helpers of the tests: servers, processes, factories, a clock, a browser."""

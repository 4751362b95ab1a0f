"""Tests of the probes of `trackdrive doctor`, on the sandbox and on servers that are not an account."""

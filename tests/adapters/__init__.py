"""Tests of the adapters, against the sandbox's servers."""

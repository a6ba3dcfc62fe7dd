"""The numbers in the README: `make bench`."""

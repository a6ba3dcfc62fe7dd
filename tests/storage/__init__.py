"""Storage: what the rows keep, on a real database, with everybody writing at once."""

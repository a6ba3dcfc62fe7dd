"""The domain: values and pure functions, tested with values."""

"""The HTTP door: size, signature, one insert, an answer. Parsing happens later, from the stored row."""

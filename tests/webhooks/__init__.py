"""The HTTP side, over real sockets and a real database."""

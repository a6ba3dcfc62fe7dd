"""Use cases against stand-ins over real sockets and a real database."""

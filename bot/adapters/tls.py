"""One TLS context for every client of this process: reading the authorities takes 50 ms each time.

It is made when the first client is, from the system's authorities or from `SSL_CERT_FILE`.
"""

import ssl
from functools import cache

import httpx


@cache
def context() -> ssl.SSLContext:
    """The context, which verifies certificates and host names."""
    return httpx.create_ssl_context()

"""Is this request from who it says? Pure functions over bytes; every doubt is a no.

Comparisons take the same time wherever the difference is, and work on bytes, because comparing text that is not ASCII
raises. A secret that is not configured lets nobody in.
"""

import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = b"sha256="


def github(body: bytes, header: str | None, secrets: Sequence[bytes]) -> bool:
    """Whether `X-Hub-Signature-256` signs these very bytes with one of the secrets.

    There are two secrets while one replaces the other. The digest releases the GIL on large bodies, so a thread
    that runs this does not hold up the others.
    """
    given = _bytes(header)
    if not given.startswith(_PREFIX):
        return False
    return any(
        hmac.compare_digest(hmac.new(secret, body, hashlib.sha256).hexdigest().encode(), given[len(_PREFIX) :])
        for secret in secrets
        if secret
    )


def bearer(header: str | None, tokens: Sequence[bytes]) -> bool:
    """Whether the `Authorization` header carries one of these tokens; there are two while one replaces the other."""
    given = credentials(header)
    return any(hmac.compare_digest(given, token) for token in tokens if token)


def credentials(header: str | None) -> bytes:
    """The bearer token in an `Authorization` header, or nothing."""
    scheme, _, value = _bytes(header).partition(b" ")
    return value.strip() if scheme.lower() == b"bearer" else b""


def _bytes(header: str | None) -> bytes:
    """The header as bytes. aiohttp keeps what is not UTF-8 as surrogates, which must not raise here."""
    return (header or "").encode("utf-8", "surrogatepass")

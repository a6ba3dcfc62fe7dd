"""GitHub's errors and its lists, which come in pages with the addresses of the others in `Link`."""

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from sandbox.manifests import Json

DOCS = "https://docs.github.com/rest"
FORBIDDEN = "Resource not accessible by personal access token"


def problem(status: int, message: str, *, headers: dict[str, str] | None = None) -> web.Response:
    """An error answer."""
    body = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return web.json_response(body, status=status, headers=headers)


def paging(request: web.Request, *, default: int) -> tuple[int, int]:
    """How many items a page has, and at which item the asked one begins."""
    size = min(int(request.query.get("per_page", default)), 100 if "per_page" in request.query else default)
    return size, (int(request.query.get("page", 1)) - 1) * size


def page(request: web.Request, found: Sequence[Any], shape: Callable[[Any], Json], *, name: str = "") -> web.Response:
    """One page of a list; with a `name` the items are below it, beside their total count."""
    size, start = paging(request, default=30)
    items = [shape(item) for item in found[start : start + size]]
    headers = {}
    if start + size < len(found):
        number = start // size + 1
        urls = {
            relation: str(request.url.update_query(page=str(wanted)))
            for relation, wanted in (("next", number + 1), ("last", -(-len(found) // size)))
        }
        headers["Link"] = ", ".join(f'<{url}>; rel="{relation}"' for relation, url in urls.items())
    return web.json_response({"total_count": len(found), name: items} if name else items, headers=headers)

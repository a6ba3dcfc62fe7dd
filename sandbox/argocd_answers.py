"""How Argo CD answers: JSON, packed when the client takes that, and errors with the status of their gRPC code."""

from aiohttp import web

from sandbox import argocd_views as views
from sandbox.manifests import Json


def reply(request: web.Request, body: Json, *, status: int = 200) -> web.Response:
    """An answer to this request."""
    response = web.json_response(body, status=status)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def refusal(request: web.Request, code: int, message: str) -> web.Response:
    """An error, by its gRPC code."""
    return reply(request, views.error(code, message), status=views.STATUS[code])

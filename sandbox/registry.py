"""The image registry: the part of the OCI distribution protocol that reads tags, manifests and configurations.

It lets everybody read, unless `faults` say otherwise. With a `login` it wants a token, as Docker's registry does:
https://distribution.github.io/distribution/spec/auth/token/
"""

import asyncio
import base64
import secrets
from collections.abc import Iterable

from aiohttp import web
from yarl import URL

from sandbox import images, serving
from sandbox.faults import RegistryFaults
from sandbox.images import Image, Images


class Registry(serving.Server):
    """The server; it answers from `world.images`."""

    def __init__(self, stored: Images) -> None:
        super().__init__()
        self._images = stored
        self.faults = RegistryFaults()
        self._tokens: dict[str, str] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What a reader asks; HEAD is answered wherever GET is."""
        return [
            web.get("/token", self._token),
            web.get("/v2/", self._base),
            web.get("/v2/{name:.+}/tags/list", self._tags),
            web.get("/v2/{name:.+}/manifests/{reference}", self._manifest),
            web.get("/v2/{name:.+}/blobs/{digest}", self._blob),
        ]

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        """What goes wrong, readers without a token, and what is not an address of the protocol."""
        await asyncio.sleep(self.faults.slow)
        if self.faults.down:
            return serving.cut(request)
        if self.faults.status:
            return web.Response(status=self.faults.status, text="as the sandbox was told")
        if self.faults.login and request.path.startswith("/v2/") and not self._may_read(request):
            return self._challenge(request)
        if self.faults.unknown and request.match_info.get("name"):
            return _unknown_name(request.match_info["name"])
        return web.Response(status=404, text="404 page not found\n") if request.match_info.http_exception else None

    def _may_read(self, request: web.Request) -> bool:
        scope = f"repository:{request.match_info.get('name', '')}:pull"
        return self._tokens.get(serving.bearer(request) or "") == scope

    def _challenge(self, request: web.Request) -> web.Response:
        scope = f"repository:{request.match_info.get('name', '')}:pull"
        challenge = f'Bearer realm="{self.url}/token",service="sandbox",scope="{scope}"'
        answer = _problem("UNAUTHORIZED", "authentication required", {}, status=401)
        answer.headers["WWW-Authenticate"] = challenge
        return answer

    async def _token(self, request: web.Request) -> web.Response:
        wanted = base64.b64encode(":".join(self.faults.login or ()).encode()).decode()
        if request.headers.get("Authorization") != f"Basic {wanted}":
            return _problem("UNAUTHORIZED", "authentication required", {}, status=401)
        token = secrets.token_urlsafe(16)
        self._tokens[token] = request.query.get("scope", "")
        return web.json_response({"token": token, "expires_in": 300})

    async def _base(self, request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def _tags(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._images.repositories:
            return _unknown_name(name)
        last, size = request.query.get("last", ""), int(request.query.get("n", 1000))
        size = min(size, self.faults.page or size)
        tags = sorted(tag for tag in self._images.repositories[name].tags if tag > last)
        headers = {}
        if len(tags) > size > 0 or self.faults.endless:
            following = URL(f"/v2/{name}/tags/list").with_query(last=(tags[:size] or [last])[-1], n=str(size))
            headers["Link"] = f'<{following}>; rel="next"'
        return web.json_response({"name": name, "tags": tags[:size]}, headers=headers)

    async def _manifest(self, request: web.Request) -> web.Response:
        name, reference = request.match_info["name"], request.match_info["reference"]
        image = self._images.find(name, reference)
        if image is None:
            if name not in self._images.repositories:
                return _unknown_name(name)
            return _problem("MANIFEST_UNKNOWN", "manifest unknown", {"tag": reference})
        headers = {"Docker-Content-Digest": image.digest, "Docker-Distribution-Api-Version": "registry/2.0"}
        return web.Response(body=image.manifest, content_type=images.MANIFEST, headers=headers)

    async def _blob(self, request: web.Request) -> web.Response:
        name, digest = request.match_info["name"], request.match_info["digest"]
        stored = self._images.repositories.get(name)
        if stored is None:
            return _unknown_name(name)
        image: Image | None = next((one for one in stored.images.values() if one.config_digest == digest), None)
        if image is None:
            return _problem("BLOB_UNKNOWN", "blob unknown to registry", {"digest": digest})
        headers = {"Docker-Content-Digest": digest}
        return web.Response(body=image.config, content_type="application/octet-stream", headers=headers)


def _unknown_name(name: str) -> web.Response:
    return _problem("NAME_UNKNOWN", "repository name not known to registry", {"name": name})


def _problem(code: str, message: str, detail: dict[str, str], *, status: int = 404) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message, "detail": detail}]}, status=status)

"""A bot that only listens."""

import hashlib
import hmac
from collections.abc import Iterable

from aiohttp import web

from sandbox import serving

SECRET = "hush"


class Receiver(serving.Server):
    """It checks signatures and tokens, answers `status`, and keeps what came."""

    status = 202

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/webhooks/{sender}", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        content = await request.read()
        if request.match_info["sender"] == "github":
            expected = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
            valid = request.headers["X-Hub-Signature-256"] == f"sha256={expected}"
        else:
            valid = serving.bearer(request) == f"{request.match_info['sender']}-token"
        return web.Response(status=self.status if valid else 401)

    def told(self) -> list[str]:
        """What came, in short words."""
        words = []
        for item in self.requests:
            body, sender = item.body, item.path.rpartition("/")[2]
            if sender == "github":
                what = item.headers["x-github-event"]
                words.append(f"{what} {body.get('action') or body['ref']}")
            elif sender == "ci":
                words.append(f"ci {body['stage']} {body['status']}")
            else:
                phase = body["operation"]["phase"]
                words.append(f"argocd {body['app']} {phase} {body['health']['status']}")
        return words

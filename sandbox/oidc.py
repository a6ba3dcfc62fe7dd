"""GitHub's OIDC issuer for workflow runs: its keys, its discovery document, and tokens with the claims of a run.

The private key is made once per process: making one takes longer than most tests.
"""

import functools
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from sandbox import serving
from sandbox.actions import Run
from sandbox.github_shapes import Shapes, user_id
from sandbox.manifests import Json
from sandbox.world import World

KEY_ID = "38826b17-6a30-5f9b-b169-8beb8202f723"
AUDIENCE = "chatops"


@functools.cache
def private_key(purpose: str) -> rsa.RSAPrivateKey:
    """A key of 2048 bits, one for each purpose."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """The key as GitHub hands it out."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


class Oidc(serving.Server):
    """The issuer; its address is the `iss` of its tokens."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._shapes = Shapes(world.topology)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The discovery document and the keys."""
        return [
            web.get("/.well-known/openid-configuration", self._configuration),
            web.get("/.well-known/jwks", self._keys),
        ]

    def token(self, run: Run | None = None, *, key_id: str = KEY_ID, key: str = "oidc", **claims: Any) -> str:
        """A token as a job of the run gets it; `claims` replace or add claims, None takes one away.

        `key` names another private key, `key_id` another name for it: both for tokens that must be refused.
        """
        merged = self._claims(run) | claims
        present = {name: value for name, value in merged.items() if value is not None}
        return jwt.encode(present, private_key(key), algorithm="RS256", headers={"kid": key_id})

    def _claims(self, run: Run | None) -> Json:
        now = self._world.timeline.clock()
        shapes = self._shapes
        branch = run.branch if run else shapes.default_branch
        workflow = run.workflow if run else next(iter(self._world.topology.services.values())).workflow
        reference = f"{shapes.full_name}/.github/workflows/{workflow}@refs/heads/{branch}"
        sha = run.commit.sha if run else self._world.git.head(branch).sha
        actor = run.actor if run else "hyunwoo"
        owner = f"{shapes.owner}-{user_id(shapes.owner)}"
        return {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": f"repo:{owner}/{shapes.name}-{shapes.repository_id}:ref:refs/heads/{branch}",
            "jti": str(uuid4()),
            "iat": int(now.timestamp()),
            "nbf": int((now - timedelta(minutes=5)).timestamp()),
            "exp": int((now + timedelta(hours=6)).timestamp()),
            "ref": f"refs/heads/{branch}",
            "ref_type": "branch",
            "ref_protected": "true",
            "sha": sha,
            "repository": shapes.full_name,
            "repository_id": str(shapes.repository_id),
            "repository_owner": shapes.owner,
            "repository_owner_id": str(user_id(shapes.owner)),
            "repository_visibility": "private",
            "run_id": str(run.id if run else 9_000_000_000),
            "run_number": str(run.number if run else 1),
            "run_attempt": str(run.attempt if run else 1),
            "actor": actor,
            "actor_id": str(user_id(actor)),
            "event_name": run.event if run else "push",
            "workflow": workflow,
            "workflow_ref": reference,
            "workflow_sha": sha,
            "job_workflow_ref": reference,
            "job_workflow_sha": sha,
            "runner_environment": "github-hosted",
        }

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/.well-known/jwks",
                "subject_types_supported": ["public", "pairwise"],
                "response_types_supported": ["id_token"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid"],
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        public = json.loads(RSAAlgorithm.to_jwk(private_key("oidc").public_key()))
        return web.json_response({"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]})

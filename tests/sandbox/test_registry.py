"""The registry answers as the OCI distribution specification says."""

import hashlib

import httpx

from sandbox.registry import Registry
from sandbox.world import World

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


async def test_tags_manifests_and_configurations(world: World) -> None:
    released = world.release("prod", "backend")
    async with Registry(world.images) as registry, httpx.AsyncClient(base_url=f"{registry.url}/v2") as api:
        assert (await api.get("/")).json() == {}
        first = world.overlay("staging").tags["backend"]
        tags = sorted([first, released.tag, "latest", "prod", "staging"])
        assert (await api.get("/tiketi-backend/tags/list")).json() == {"name": "tiketi-backend", "tags": tags}

        pages, url = [], "/v2/tiketi-backend/tags/list?n=2"
        while url:
            answer = await api.get(f"{registry.url}{url}")
            pages.append(answer.json()["tags"])
            url = answer.links.get("next", {}).get("url", "")
        assert pages == [tags[:2], tags[2:4], tags[4:]]

        head = await api.head(f"/tiketi-backend/manifests/{released.tag}")
        assert (head.status_code, head.content) == (200, b"")
        digest = head.headers["Docker-Content-Digest"]
        by_digest = await api.get(f"/tiketi-backend/manifests/{digest}", headers={"Accept": MANIFEST})
        assert by_digest.headers["Content-Type"] == MANIFEST
        assert digest == f"sha256:{hashlib.sha256(by_digest.content).hexdigest()}" == released.image.digest
        assert (await api.get("/tiketi-backend/manifests/latest")).content == by_digest.content
        config = await api.get(f"/tiketi-backend/blobs/{by_digest.json()['config']['digest']}")
        assert config.json()["created"] == "2026-08-22T12:00:00Z"
        assert config.json()["config"]["Labels"]["org.opencontainers.image.revision"] == released.source.sha


async def test_what_is_unknown(world: World) -> None:
    async with Registry(world.images) as registry, httpx.AsyncClient(base_url=f"{registry.url}/v2") as api:
        for path, code in (
            ("/nope/tags/list", "NAME_UNKNOWN"),
            ("/nope/manifests/latest", "NAME_UNKNOWN"),
            ("/tiketi-backend/manifests/nope", "MANIFEST_UNKNOWN"),
            ("/tiketi-backend/blobs/sha256:0", "BLOB_UNKNOWN"),
        ):
            answer = await api.get(path)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, code)

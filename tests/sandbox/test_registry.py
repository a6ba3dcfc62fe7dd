"""The registry answers as the OCI distribution specification says."""

import hashlib

import httpx
import pytest

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


async def test_faults(world: World) -> None:
    async with Registry(world.images) as registry, httpx.AsyncClient(base_url=f"{registry.url}/v2") as api:
        path, faults = "/tiketi-backend/tags/list", registry.faults
        faults.page = 1
        assert len((await api.get(path)).json()["tags"]) == 1
        faults.page, faults.endless = None, True
        last = f"{path}?n=100&last=zzz"
        assert httpx.URL((await api.get(last)).links["next"]["url"]).params["last"] == "zzz"
        faults.endless, faults.unknown = False, True
        assert (await api.get(path)).json()["errors"][0]["code"] == "NAME_UNKNOWN"
        faults.status = 503
        assert (await api.get(path)).status_code == 503
        faults.down = True
        with pytest.raises(httpx.RemoteProtocolError):
            await api.get(path)


async def test_readers_need_a_token_for_each_repository(world: World) -> None:
    async with Registry(world.images) as registry, httpx.AsyncClient() as api:
        registry.faults.login = ("chatops", "hunter2")
        url = f"{registry.url}/v2/tiketi-backend/tags/list"
        refused = await api.get(url)
        scope = "repository:tiketi-backend:pull"
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (
            401,
            f'Bearer realm="{registry.url}/token",service="sandbox",scope="{scope}"',
        )
        query = {"service": "sandbox", "scope": scope}
        assert (await api.get(f"{registry.url}/token", params=query, auth=("chatops", "x"))).status_code == 401
        given = (await api.get(f"{registry.url}/token", params=query, auth=("chatops", "hunter2"))).json()
        headers = {"Authorization": f"Bearer {given['token']}"}
        assert (await api.get(url, headers=headers)).status_code == 200
        other = f"{registry.url}/v2/tiketi-auth-service/tags/list"
        assert (await api.get(other, headers=headers)).status_code == 401


async def test_a_deleted_image_is_gone_with_all_its_tags(world: World) -> None:
    released = world.release("prod", "backend")
    world.images.delete("tiketi-backend", "latest")
    async with Registry(world.images) as registry, httpx.AsyncClient(base_url=f"{registry.url}/v2") as api:
        for reference in (released.tag, "latest", "prod", released.image.digest):
            assert (await api.get(f"/tiketi-backend/manifests/{reference}")).status_code == 404
        assert (await api.get("/tiketi-backend/manifests/staging")).status_code == 200

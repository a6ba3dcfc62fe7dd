"""Docker's own registry, as Debian packages it: a real implementation of the protocol, paging and sorting nothing."""

import asyncio
import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.registry import RegistryForbidden, RepositoryUnknown
from bot.adapters.registry_oci import OciRegistry
from bot.domain.tags import StoredImage

pytestmark = pytest.mark.skipif(
    not shutil.which("docker-registry"), reason="NOT TESTED: the OCI adapter against docker-registry, which is missing"
)

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CREATED = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
LOGIN = ("chatops", "hunter2")
HTPASSWD = "chatops:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8."  # bcrypt of the password above


class Running:
    """The registry, and somebody who pushes to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.AsyncClient(base_url=f"{url}/v2/", auth=LOGIN)

    async def push(self, repository: str, *tags: str) -> str:
        """Push an image without layers under these tags; its digest."""
        config = json.dumps({"created": CREATED.isoformat(), "os": "linux", "config": {"Labels": {"tag": tags[0]}}})
        digest = await self._blob(repository, config.encode())
        described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
        digests = set()
        for tag in tags:
            answer = await self.client.put(
                f"{repository}/manifests/{tag}", json=manifest, headers={"Content-Type": MANIFEST}
            )
            digests.add(answer.raise_for_status().headers["Docker-Content-Digest"])
        [pushed] = digests
        return str(pushed)

    async def _blob(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = await self.client.post(f"{repository}/blobs/uploads/")
        place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
        (await self.client.put(place, content=content)).raise_for_status()
        return digest


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Running]:
    """The registry on a free port, with a login."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    config = tmp_path / "config.yml"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "data")}, "delete": {"enabled": True}}
    auth = {"htpasswd": {"realm": "here", "path": str(tmp_path / "htpasswd")}}
    settings = {"version": 0.1, "storage": storage, "http": {"addr": "127.0.0.1:0"}, "auth": auth}
    config.write_text(json.dumps(settings))  # JSON is YAML
    child = await asyncio.create_subprocess_exec(
        *("docker-registry", "serve", str(config)), stdout=subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert child.stderr is not None
    drained = None
    try:
        async with asyncio.timeout(20):
            while b"listening on" not in (line := await child.stderr.readline()):
                assert line, "docker-registry ended"
        drained = asyncio.create_task(child.stderr.read())  # it must not block on its log
        address = line.decode().partition("listening on ")[2].split('"')[0].split(" ")[0].strip()
        running = Running(f"http://{address}")
        yield running
        await running.client.aclose()
    finally:
        child.terminate()
        await child.wait()
        if drained is not None:
            await drained


async def test_a_real_registry_is_read(docker: Running) -> None:
    tags = [f"{number:07x}-20260105-14{number:02}22" for number in range(40)]
    digests = [await docker.push("tiketi-backend", tag) for tag in tags]
    newest = await docker.push("tiketi-backend", tags[-1], "latest", "prod")
    by_hand = await docker.push("tiketi-backend", "hotfix")

    adapter = OciRegistry(url=docker.url, username=LOGIN[0], password=lambda: SecretStr(LOGIN[1]))
    try:
        names = await adapter.names("tiketi-backend")
        assert (set(names.pushed), names.complete) == ({*tags, "latest", "prod", "hotfix"}, True)
        assert [*names.pushed][:2] == [tags[-1], tags[-2]]
        assert digests[-1] == newest
        assert await adapter.images("tiketi-backend", [tags[-1], "latest", "hotfix", "nope", by_hand]) == (
            StoredImage(digest=newest, tags=frozenset({tags[-1], "latest"})),
            StoredImage(digest=by_hand, tags=frozenset({"hotfix"}), pushed_at=CREATED),
        )
        gone = await docker.client.delete(f"tiketi-backend/manifests/{digests[0]}")
        assert gone.status_code == 202
        assert await adapter.images("tiketi-backend", [tags[0], tags[1]]) == (
            StoredImage(digest=digests[1], tags=frozenset({tags[1]})),
        )
        with pytest.raises(RepositoryUnknown):
            await adapter.names("tiketi-nothing")
    finally:
        await adapter.aclose()


async def test_a_wrong_password_is_refused(docker: Running) -> None:
    basic = base64.b64encode(b"chatops:wrong").decode()
    stranger, nobody = (
        OciRegistry(url=docker.url, username="chatops", password=lambda: SecretStr("wrong")),
        OciRegistry(url=docker.url),
    )
    for adapter in (stranger, nobody):
        with pytest.raises(RegistryForbidden) as caught:
            await adapter.names("tiketi-backend")
        assert basic not in caught.value.log
        await adapter.aclose()

"""A small topology, changed in one place, and what is said of a wrong one."""

from pathlib import Path

import pytest

from bot import topology
from bot.topology import TopologyInvalid

SMALL = """\
repository: acme/shop
project: shop
registry: registry.example.com
channels: {releases: 1, alerts: 2}
services:
  api: {directory: api, image: shop-api, workflow: api.yml}
  web: {directory: web, image: shop-web, workflow: web.yml}
environments:
  staging:
    branch: develop
    application: shop-staging
    overlay: k8s/staging
    namespace: shop
    automated: true
  prod:
    branch: main
    application: shop-prod
    overlay: k8s/prod
    namespace: shop
    automated: false
roles:
  "*": {view: [3], deploy: [3]}
  prod: {approve: [4]}
"""


def problems(file: Path, text: str | bytes) -> list[str]:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(TopologyInvalid) as caught:
        topology.load(file)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def changed(old: str, new: str) -> str:
    """The small topology with one place changed."""
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


def with_roles(text: str) -> str:
    """The small topology with other roles."""
    assert SMALL.count("  prod: {approve: [4]}\n") == 1
    return SMALL.replace("  prod: {approve: [4]}\n", text)

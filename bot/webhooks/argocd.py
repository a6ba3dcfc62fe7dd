"""Argo CD's notifications into events: a hint that an Application should be read again.

A notification has no signature, no id and no time, and one may come late, twice or never. So nothing it says about
sync or health is believed; only the name of the Application is read.
"""

from collections.abc import Mapping

from bot.domain.catalog import Catalog
from bot.domain.events import ApplicationHinted, Event, Unusable
from bot.webhooks import payloads

SCHEMA = 1


def parse(headers: Mapping[str, str], body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
    """The hint in a delivery; none for Applications of others. Raises `Unusable`."""
    payload = payloads.document(headers, body)
    if payload.get("schema") != SCHEMA:
        raise Unusable(f"The schema is not {SCHEMA}.")
    application, project = payload.get("app"), payload.get("project")
    if not isinstance(application, str) or not isinstance(project, str):
        raise Unusable("The names of the Application and its project are missing.")
    if project != catalog.project:
        return ()
    # Which Argo CD sent it does not matter: reading one Application too many does no harm.
    return tuple(
        ApplicationHinted(environment=place.name) for place in catalog.environments_of_application(application)
    )

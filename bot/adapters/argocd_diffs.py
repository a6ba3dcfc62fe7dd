"""What a sync would change, as people read it: a unified diff of YAML for each object, the values of Secrets hidden.

Argo CD masks Secrets by itself; here they are hidden once more, because what leaves this module goes into a chat. A
hidden value still tells whether it changes. What looks like a secret in any other object is hidden too, before there
is a difference: of a private key it would show some lines, and not the first, by which one knows it.

A sync to another commit than the newest has no predicted state in Argo CD's answer. `pinned` makes one: of the live
object only what the manifest asks for is compared, which is what applying it would change. `retagged` makes the states
that follow when Git asks for another tag of one image, before anybody has written it there.
"""

import difflib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import yaml

from bot.adapters import argocd_resources, manifest_masking
from bot.adapters.argocd_resources import BOOKKEEPING, Compared
from bot.adapters.fields import Json, section
from bot.adapters.manifest_masking import StandIns
from bot.adapters.masking import is_harmless, names_a_secret
from bot.domain import images
from bot.domain.images import Image
from bot.domain.inspections import Change, ResourceDiff

MOST_OBJECTS = 200
MOST_TEXT = 200_000
LEFT_OUT = "(left out: the difference is too long)"
HIDDEN, HIDDEN_CHANGED = "<hidden>", "<hidden, changed>"
_VALUES = ("data", "stringData")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_HOOK = "argocd.argoproj.io/hook"
_Key = tuple[str, str, str]


def resource_diffs(items: Iterable[Any], *, services: Collection[str]) -> tuple[ResourceDiff, ...]:
    """The objects that differ, sorted as `managed_resources` sorts them; bounded in number and text."""
    items = list(items)
    owners: dict[Any, set[str]] = {}
    changed = set()
    for entry in argocd_resources.managed_resources(items, services=services):
        owners.setdefault(entry.resource, set()).update({entry.service} if entry.service else ())
        if entry.changed:
            changed.add(entry.resource)
    found, room = [], MOST_TEXT
    for item in sorted(argocd_resources.compared(items), key=lambda one: repr(one.resource)):
        if item.target and item.resource not in changed:
            continue
        text = _text(item)
        text = text if len(text) <= room else LEFT_OUT
        room -= len(text)
        change = Change.CHANGED if item.target and item.live else Change.CREATED if item.target else Change.PRUNED
        found.append(
            ResourceDiff(resource=item.resource, services=frozenset(owners[item.resource]), change=change, text=text)
        )
    return tuple(found[:MOST_OBJECTS])


def pinned(items: Iterable[Any], *, manifests: Iterable[Any], namespace: str) -> list[Json]:
    """The items as if these manifests, JSON texts for that namespace, were what Git asks for."""
    targets = {_key(target): target for target in map(json.loads, manifests) if not _is_hook(target)}
    known: dict[_Key, Json] = {_key_of_item(item): item for item in items if isinstance(item, dict)}
    made = [_item(item, targets.get(key)) for key, item in known.items() if not item.get("hook")]
    new = [_new(target, namespace=namespace) for key, target in targets.items() if key not in known]
    return [*made, *new]


def retagged(items: Iterable[Any], *, image: Image) -> list[Json]:
    """The items as if Git asked for this image wherever it uses its repository: what kustomize's `images` does."""
    return [_asking(item, image=image) for item in items if isinstance(item, dict)]


def _asking(item: Json, *, image: Image) -> Json:
    states = {name: item.get(name) for name in ("targetState", "predictedLiveState")}
    asked = {name: json.dumps(_using(json.loads(text), image=image)) for name, text in states.items() if text}
    return {**item, **asked}


def _using(state: Any, *, image: Image) -> Any:
    """The state with this image in every container that has another one of its repository."""
    if isinstance(state, list):
        return [_using(value, image=image) for value in state]
    if not isinstance(state, dict):
        return state
    return {
        name: str(image)
        if name == "image" and isinstance(value, str) and images.parse(value).repository == image.repository
        else _using(value, image=image)
        for name, value in state.items()
    }


def _item(item: Json, target: Json | None) -> Json:
    live = json.loads(item.get("liveState") or "null") or {}
    asked = _asked(live, target) if target else live
    states = {"targetState": target, "normalizedLiveState": asked, "predictedLiveState": target}
    return {**item, **{name: json.dumps(state) for name, state in states.items()}}


def _new(target: Json, *, namespace: str) -> Json:
    group, kind, name = _key(target)
    place = section(target, "metadata").get("namespace") or namespace
    states = {"targetState": target, "predictedLiveState": target, "liveState": None, "normalizedLiveState": None}
    reference = {"group": group, "kind": kind, "namespace": place, "name": name}
    return {**reference, **{state: json.dumps(value) for state, value in states.items()}}


def _asked(live: Any, target: Any) -> Any:
    """Of the live value only what the target asks for."""
    if isinstance(live, dict) and isinstance(target, dict):
        return {name: _asked(live[name], value) for name, value in target.items() if name in live}
    if isinstance(live, list) and isinstance(target, list) and len(live) == len(target):
        return [_asked(*pair) for pair in zip(live, target, strict=True)]
    return live


def _key(manifest: Json) -> _Key:
    group, _, _ = str(manifest.get("apiVersion") or "").rpartition("/")
    return group, str(manifest.get("kind") or ""), str(section(manifest, "metadata").get("name") or "")


def _key_of_item(item: Json) -> _Key:
    return str(item.get("group") or ""), str(item.get("kind") or ""), str(item.get("name") or "")


def _is_hook(manifest: Json) -> bool:
    return _HOOK in section(section(manifest, "metadata"), "annotations")


def _text(item: Compared) -> str:
    """The unified diff of one object, without the header that names files."""
    old = _plain(item.normalized if item.target else item.live)
    new = _plain(item.predicted) if item.target else {}
    is_secret = item.resource.kind == "Secret"
    hide = _hidden if is_secret else _without_variables
    old, new = hide(old, other=new, differing=HIDDEN), hide(new, other=old, differing=HIDDEN_CHANGED)
    # In a Secret what stands for its values must not be taken for secrets.
    mark, left = StandIns(), _VALUES if is_secret else ()
    old, new = (
        {name: one if name in left else manifest_masking.masked(one, mark=mark) for name, one in state.items()}
        for state in (old, new)
    )
    lines = difflib.unified_diff(_yaml(old), _yaml(new), lineterm="", n=2)
    return "\n".join(manifest_masking.shown(line) for line in list(lines)[2:])


def _plain(state: Json) -> dict[str, Any]:
    """The object without what only the cluster keeps in it."""
    metadata = {name: value for name, value in section(state, "metadata").items() if name not in BOOKKEEPING}
    annotations = section(metadata, "annotations")
    if _LAST_APPLIED in annotations:
        metadata["annotations"] = {name: text for name, text in annotations.items() if name != _LAST_APPLIED}
    kept = {name: value for name, value in state.items() if name != "status"}
    return {**kept, "metadata": metadata} if "metadata" in kept else kept


def _hidden(secret: Mapping[str, Any], *, other: Mapping[str, Any], differing: str) -> dict[str, Any]:
    """The Secret with its values hidden; `differing` stands for those that the other side has otherwise."""
    hidden = dict(secret)
    for name in _VALUES:
        values, there = section(secret, name), section(other, name)
        if values:
            hidden[name] = {key: HIDDEN if there.get(key) == value else differing for key, value in values.items()}
    return hidden


def _without_variables(state: Mapping[str, Any], *, other: Mapping[str, Any], differing: str) -> dict[str, Any]:
    """The object with the values of environment variables hidden that are named like secrets."""
    there = dict(_variables(other))

    def hide(value: Any) -> Any:
        if isinstance(value, list):
            return [hide(one) for one in value]
        if not isinstance(value, dict):
            return value
        if _is_variable(value):
            return {**value, "value": HIDDEN if there.get(value["name"]) == value["value"] else differing}
        return {name: hide(one) for name, one in value.items()}

    return {name: hide(value) for name, value in state.items()}


def _variables(value: Any) -> Iterator[tuple[str, str]]:
    """Name and value of every environment variable in an object that is named like a secret."""
    if isinstance(value, list):
        for one in value:
            yield from _variables(one)
    elif isinstance(value, dict):
        if _is_variable(value):
            yield value["name"], value["value"]
        for one in value.values():
            yield from _variables(one)


def _is_variable(value: Mapping[str, Any]) -> bool:
    name, text = value.get("name"), value.get("value")
    return isinstance(name, str) and isinstance(text, str) and names_a_secret(name) and not is_harmless(text)


def _yaml(state: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(dict(state), sort_keys=True, allow_unicode=True, width=120).splitlines() if state else []

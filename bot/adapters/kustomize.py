"""kustomize, as Argo CD runs it on an overlay: through kubectl, which brings one and is on every machine that needs it.

The overlay is written to a directory of its own and built there without plugins, helm and files from elsewhere. What
could make kustomize load an address was refused before (`kustomization_references`); here it finds no program to clone
with, and a proxy that answers nobody.
"""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bot import yaml_lines
from bot.adapters import child, yaml_aliases
from bot.adapters.child import Ended, SaidTooMuch, TookTooLong
from bot.adapters.overlays import Overlay
from bot.domain.reasons import Reason, Refused

SECONDS = 20.0
MOST = 10 * 1024 * 1024
"""Bytes of a built overlay."""
_ORIGINS = "\nbuildMetadata: [originAnnotations]\n"
_EAGER = "160MiB"
"""Above this Go collects its garbage more eagerly; usual overlays take a third of it."""
MEMORY = 256 * 1024 * 1024
"""Bytes that kubectl may take; the largest usual overlay takes 110 MiB. A pod that takes too much is killed with the
bot."""
_CRASHED = 2
"""Go's exit code for what its runtime cannot go on with; kubectl's own is 1."""


class DoesNotBuild(Exception):
    """kustomize cannot build the overlay: what it says, with paths as they are in the repository."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def find() -> str | None:
    """Where kubectl is: beside this Python, where the requirements put it, else on the PATH; None if it is nowhere."""
    beside = Path(sys.executable).parent / "kubectl"
    return str(beside) if beside.is_file() else shutil.which("kubectl")


async def build(overlay: Overlay, *, kubectl: str | None) -> str:
    """The objects of the overlay as YAML, each annotated with its origin unless its kustomization stands against it.

    Raises DoesNotBuild, and Refused: KUBECTL_MISSING, BUILD_TIMED_OUT after 20 s, OVERLAY_TOO_BIG above 10 MiB,
    when building it takes more than 256 MiB of memory, and what `yaml_aliases.require_few` refuses.
    """
    if kubectl is None:
        raise Refused(Reason.KUBECTL_MISSING)
    await asyncio.to_thread(yaml_aliases.require_few, overlay.files)
    directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="overlay-")
    try:
        return await _built(overlay, kubectl=kubectl, directory=Path(directory))
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True))


async def check() -> list[tuple[str, bool, str]]:
    """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
    kubectl = find()
    if kubectl is None:
        return [("kubectl", False, "is not installed, so /validate builds nothing: install requirements/base.txt")]
    command = [kubectl, "version", "--client", "--output=json"]
    with tempfile.TemporaryDirectory() as home:
        try:
            ended = await child.run(command, home=home, timeout=SECONDS, most=MOST)
            found = json.loads(ended.out)
            version, kustomize = found["clientVersion"]["gitVersion"], found["kustomizeVersion"]
        except (OSError, TookTooLong, SaidTooMuch, ValueError, KeyError, TypeError) as error:
            return [("kubectl", False, f"{kubectl} does not tell its version ({type(error).__name__})")]
    return [("kubectl", True, f"{version}, with kustomize {kustomize}")]


async def _built(overlay: Overlay, *, kubectl: str, directory: Path) -> str:
    root, home = directory / "repository", directory / "home"
    await asyncio.to_thread(_write, overlay, root=root)
    home.mkdir()
    command = [kubectl, "kustomize", "--load-restrictor=LoadRestrictionsRootOnly", str(root / overlay.directory)]
    try:
        ended = await child.run(
            command, home=str(home), timeout=SECONDS, most=MOST, memory=MEMORY, environment={"GOMEMLIMIT": _EAGER}
        )
    except TookTooLong as error:
        raise Refused(Reason.BUILD_TIMED_OUT) from error
    except SaidTooMuch as error:
        raise Refused(Reason.OVERLAY_TOO_BIG) from error
    except OSError as error:
        raise Refused(Reason.KUBECTL_MISSING) from error
    if _ran_out(ended):
        raise Refused(Reason.OVERLAY_TOO_BIG)
    if ended.code:
        message = ended.errors.decode(errors="replace").removeprefix("error: ").strip()
        raise DoesNotBuild(message.replace(f"{root}/", "").replace(str(root), ".") or f"exit code {ended.code}")
    return ended.out.decode(errors="replace")


def _ran_out(ended: Ended) -> bool:
    """Whether it ended for want of memory: by itself, or because the system killed it.

    Where Go gets no memory it says so in several ways, or finds none where some should be; only a mistake in kustomize
    itself is a panic.
    """
    crashed = ended.code == _CRASHED and not ended.errors.startswith(b"panic: ")
    return crashed or ended.code == -signal.SIGKILL


def _write(overlay: Overlay, *, root: Path) -> None:
    for path, content in {**overlay.files, **_with_origins(overlay)}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _with_origins(overlay: Overlay) -> dict[str, bytes]:
    """The outermost kustomization, asking for annotations that tell each object's file; nothing if it says otherwise.

    It is appended, so that no line moves, and only if it then reads as it did before with nothing but this in it.
    """
    path = overlay.kustomizations[0]
    text = overlay.files[path].decode("utf-8-sig")
    try:
        before, after = yaml_lines.parse(text).data, yaml_lines.parse(text + _ORIGINS).data
    except yaml_lines.NotYaml:
        return {}
    wanted = {**before, "buildMetadata": ["originAnnotations"]} if isinstance(before, dict) else None
    known = {str(key).casefold() for key in before} if isinstance(before, dict) else set()
    fits = after == wanted and "buildmetadata" not in known
    return {path: overlay.files[path] + _ORIGINS.encode()} if fits else {}

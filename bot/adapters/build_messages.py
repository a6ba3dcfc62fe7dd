"""What kustomize says when it cannot build an overlay, made short, and with the place that it means.

It names files and objects, seldom lines, and it wraps one sentence in many. A file that is no YAML is found by reading
it; an object by its name. It may quote what it could not use, values of Secrets too: those parts are left out.
"""

import re
from collections.abc import Iterator

from bot.adapters import masking
from bot.adapters.manifest_sources import Sources
from bot.adapters.manifest_yaml import read_all
from bot.domain.validations import Problem
from bot.yaml_lines import NotYaml

LONGEST = 600
_WRAPPINGS = re.compile(
    r"(?:(?:accumulating|merging) (?:resources|components)(?: from '[^']*')?: |accumulat\w+ (?:err|dir\w*)='"
    r"|recursed (?:accumulation of|merging from) path '[^']*': |'[^']*' must resolve to a file': )+"
)
_TAIL = re.compile(r"':? must build at directory: .*", re.DOTALL)
_YAML = re.compile(r"yaml: |MalformedYAML|mapping key|error converting YAML|json: ")
_OBJECT = re.compile(r"\b([A-Z]\w*)\.v\w+\.?(?:[\w.-]*|\[noGrp\])/([\w.-]+)\.\[")
_OF_GENERATOR = re.compile(r"KV pairs|(?:Secret|ConfigMap)Generator|generator", re.IGNORECASE)
_SECRET_LENGTH = 4
"""Characters; shorter ones would tear words apart, and tell little."""
_QUOTED = (
    (re.compile(r"with config: `.*`(?=:|$)", re.DOTALL), "with its config"),
    (re.compile(r"value: \{.*\}", re.DOTALL), "value: {...}"),
    (re.compile(r"contents:.*", re.DOTALL), "contents: ..."),
    (re.compile(r"from \[.*\]", re.DOTALL), "from it"),
)


def explain(message: str, sources: Sources) -> list[Problem]:
    """What is wrong and where, as far as it can be told; one problem at least."""
    return [*_unreadable(message, sources)] or [_told(message, sources)]


def _unreadable(message: str, sources: Sources) -> Iterator[Problem]:
    """The files that are no YAML: those that the message names, or else any."""
    if not _YAML.search(message):
        return
    files = [file for file in sources.files if file.endswith((".yaml", ".yml", ".json"))]
    named = [file for file in files if file.rpartition("/")[2] in message]
    for chosen in (named, files):
        found = [problem for file in chosen for problem in _not_yaml(file, sources.files[file])]
        if found:
            yield from found
            return


def _not_yaml(file: str, text: str) -> Iterator[Problem]:
    try:
        read_all(text)
    except NotYaml as error:
        yield Problem(text=f"not YAML: {error.reason}", file=file, line=error.line)


def _told(message: str, sources: Sources) -> Problem:
    text = _short(message, sources)
    for kind, name in _OBJECT.findall(message):
        place = sources.named(kind, name)
        if place is not None:
            return Problem(text=text, file=place[0], line=place[1], subject=f"{kind}/{name}")
    files = sorted(sources.files, key=lambda file: (message.rfind(file), message.rfind(file.rpartition("/")[2])))
    return Problem(text=text, file=files[-1] if files and files[-1].rpartition("/")[2] in message else "")


def _short(message: str, sources: Sources) -> str:
    if _OF_GENERATOR.search(message):
        return "a generator cannot be used; what kustomize says about it may quote a secret, so it is not shown"
    for secret in _secrets(sources):
        message = message.replace(secret, masking.HIDDEN)
    text = _TAIL.sub("", _WRAPPINGS.sub("", message))
    for quoted, instead in _QUOTED:
        text = quoted.sub(instead, text)
    return masking.masked_answer(" ".join(text.split()))[:LONGEST]


def _secrets(sources: Sources) -> list[str]:
    """The values of all Secrets that the files have, the longest first."""
    found: set[str] = set()
    for file in sources.files:
        for source in sources.documents(file):
            data = source.manifest.data
            if isinstance(data, dict) and data.get("kind") == "Secret":
                held = [data.get("data"), data.get("stringData")]
                found |= {str(value) for part in held if isinstance(part, dict) for value in part.values()}
    return sorted((secret for secret in found if len(secret) >= _SECRET_LENGTH), key=len, reverse=True)

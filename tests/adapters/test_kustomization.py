"""Tags in kustomization files: what is written, what is refused, and that kustomize agrees."""

import re
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from bot.adapters import kustomization
from bot.domain.reasons import Reason, Refused
from tests.adapters.kustomizations import IMAGES, PIPELINE_TAG, QUOTED_TAGS, Kustomization, kustomizations, tags

needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="NOT TESTED: kustomize, for want of kubectl")

NEW = "bbbbbbb-20260822-120000"
OVERLAY = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [deployments.yaml] # five services
images:
  - name: app # newTag: of the first
    newName: "reg.io/tiketi/app"
    newTag: {PIPELINE_TAG} # written by CI
  - newTag: 'v1.10'
    name: app-worker
"""


def entry(lines: str) -> str:
    """A file with one entry, whose lines are given."""
    return "images:\n- name: app\n" + "".join(f"  {line}\n" for line in lines.splitlines())


def test_one_line_changes_and_its_comment_stays() -> None:
    assert kustomization.tag_of(OVERLAY, image="app") == PIPELINE_TAG
    assert kustomization.with_tag(OVERLAY, image="app", tag=NEW) == OVERLAY.replace(PIPELINE_TAG, NEW)
    assert kustomization.with_tag(OVERLAY, image="app-worker", tag=NEW) == OVERLAY.replace("'v1.10'", f"'{NEW}'")


def test_what_is_merged_in_place_belongs_to_the_entry() -> None:
    merged = f"images:\n- <<: {{name: app, newTag: '{PIPELINE_TAG}'}}\n  newName: b\n"
    assert kustomization.with_tag(merged, image="app", tag=NEW) == merged.replace(PIPELINE_TAG, NEW)


def test_the_tag_that_is_there_changes_nothing() -> None:
    assert kustomization.with_tag(OVERLAY, image="app", tag=PIPELINE_TAG) is OVERLAY


@pytest.mark.parametrize("tag", [*QUOTED_TAGS, "1_000_000", "0x1a2b3", "NaN", "1e10000"])
def test_a_tag_that_could_be_read_as_something_else_gets_quotes(tag: str) -> None:
    bare = tag in (PIPELINE_TAG, "1234567-20260105-143022")
    expected = tag if bare else f'"{tag}"'
    assert kustomization.with_tag(entry("newTag: old"), image="app", tag=tag) == entry(f"newTag: {expected}")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_that_are_there_stay(quote: str) -> None:
    old = entry(f"newTag: {quote}1234567{quote}")
    assert kustomization.tag_of(old, image="app") == "1234567"
    assert kustomization.with_tag(old, image="app", tag=NEW) == entry(f"newTag: {quote}{NEW}{quote}")


REFUSED: dict[str, tuple[str, Reason, str]] = {
    "digest": (entry("newTag: a\ndigest: sha256:0"), Reason.DIGEST_PINNED, "Line 4."),
    "no tag": (
        entry("newName: b"),
        Reason.TAG_NOT_SET,
        'The entry begins in line 2; the line to add is `newTag: "…"`.',
    ),
    "nothing listed": ("images:\n", Reason.IMAGE_NOT_LISTED, ""),
    "no images": ("resources: [a.yaml]\n", Reason.IMAGE_NOT_LISTED, ""),
    "a longer name": ("images:\n- name: reg.io/app\n  newTag: a\n", Reason.IMAGE_NOT_LISTED, ""),
    "two entries": (
        entry("newTag: a") + "- name: app\n  newTag: b\n",
        Reason.IMAGE_AMBIGUOUS,
        "Line 4 is about this image too; the image's entry is in line 2.",
    ),
    "an entry for one tag of it": (
        "images:\n- name: app:old\n  newTag: b\n- name: app\n  newTag: a\n",
        Reason.IMAGE_AMBIGUOUS,
        "Line 2 is about this image too; the image's entry is in line 4.",
    ),
    "a pattern": (
        entry("newTag: a") + "- name: ap.*\n  newTag: b\n",
        Reason.IMAGE_AMBIGUOUS,
        "Line 4 has no name, or a pattern for one; the image's entry is in line 2.",
    ),
    "a dot is a pattern": (
        entry("newTag: a") + "- name: a.p\n  newTag: b\n",
        Reason.IMAGE_AMBIGUOUS,
        "Line 4 is about this image too; the image's entry is in line 2.",
    ),
    "chained out of it": (
        entry("newName: reg/app\nnewTag: a") + "- name: reg/app\n  newTag: b\n",
        Reason.IMAGE_AMBIGUOUS,
        "Line 5 is about the name that this image gets; the image's entry is in line 2.",
    ),
    "chained into it": (
        "images:\n- name: other\n  newName: app\n- name: app\n  newTag: a\n",
        Reason.IMAGE_AMBIGUOUS,
        "Line 2 gives this name to another image; the image's entry is in line 4.",
    ),
    "images twice": (
        entry("newTag: a") + entry("newTag: b"),
        Reason.IMAGE_AMBIGUOUS,
        "A key is written twice, first in line 1.",
    ),
    "newTag twice": (
        entry("newTag: a\nnewTag: b"),
        Reason.IMAGE_AMBIGUOUS,
        "A key is written twice, first in line 3.",
    ),
    "another case": (entry("newtag: a"), Reason.MANIFEST_UNUSUAL, "Line 3 has `newTag` with other capitals."),
    "another case of images": ("Images: []\n", Reason.MANIFEST_UNUSUAL, "Line 1 has `images` with other capitals."),
    "an anchor": (entry("newTag: &tag a"), Reason.MANIFEST_UNUSUAL, "Line 3 has an anchor or a type."),
    "an anchored entry": (
        "images:\n- &app\n  name: app\n  newTag: a\n",
        Reason.MANIFEST_UNUSUAL,
        "Line 2 is not a plain entry with a name.",
    ),
    "a type": (entry("newTag: !!str 1"), Reason.MANIFEST_UNUSUAL, "Line 3 has an anchor or a type."),
    "an anchored name": (
        "images:\n- name: &x app\n  newTag: a\n",
        Reason.MANIFEST_UNUSUAL,
        "Line 2 has an anchor or a type.",
    ),
    "an anchored list": (
        "images: &x\n- name: app\n  newTag: a\n",
        Reason.MANIFEST_UNUSUAL,
        "Line 1 has an anchor or a type.",
    ),
    "an alias": (
        "x: &x a\nimages:\n- name: app\n  newTag: *x\n",
        Reason.MANIFEST_UNREADABLE,
        "Line 4 is where reading it ended.",
    ),
    "several lines": (entry("newTag: 'a\n  b'"), Reason.MANIFEST_UNUSUAL, "Line 3 is not a tag in one line."),
    "a block": (entry("newTag: |\n  a"), Reason.MANIFEST_UNUSUAL, "Line 3 is not a tag in one line."),
    "a list": (entry("newTag: [a]"), Reason.MANIFEST_UNUSUAL, "Line 3 is not a tag in one line."),
    "a suffix": (
        entry("newTag: a\ntagSuffix: -x"),
        Reason.MANIFEST_UNUSUAL,
        "Line 4 is of a key that changes the image in another way.",
    ),
    "images is no list": ("images: {name: app}\n", Reason.MANIFEST_UNUSUAL, "Line 1 `images` is not a list."),
    "an entry is a name": ("images: [app]\n", Reason.MANIFEST_UNUSUAL, "Line 1 is not a plain entry with a name."),
    "no YAML": ("images: [\n", Reason.MANIFEST_UNREADABLE, "Line 2 is where reading it ended."),
    "two documents": ("a: 1\n---\nimages: []\n", Reason.MANIFEST_UNREADABLE, "Line 2 is where reading it ended."),
    "a list of files": ("- images\n", Reason.MANIFEST_UNREADABLE, "It is not a mapping."),
    "nothing": ("", Reason.MANIFEST_UNREADABLE, "It is not a mapping."),
    "a control character": ("a: \x01\n", Reason.MANIFEST_UNREADABLE, "Line 1 is where reading it ended."),
    "deep": ("[" * 5000, Reason.MANIFEST_UNREADABLE, "Line 1 is where reading it ended."),
    "long": (f"# {'x' * 65_536}\n", Reason.MANIFEST_UNREADABLE, "It has more than 65536 characters."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_changed_safely_is_refused_with_its_line(case: str) -> None:
    text, reason, detail = REFUSED[case]
    with pytest.raises(Refused) as writing:
        kustomization.with_tag(text, image="app", tag=NEW)
    with pytest.raises(Refused) as reading:
        kustomization.tag_of(text, image="app")
    for refused in (writing.value, reading.value):
        assert (refused.reason, refused.detail) == (reason, detail)


@pytest.mark.parametrize("plain", ["null", "~", "", "1234567", "0123456", "1.10", "12345e6", "0o12345", "true", "y"])
def test_a_tag_that_kustomize_takes_for_none_is_refused(plain: str) -> None:
    with pytest.raises(Refused) as refused:
        kustomization.with_tag(entry(f"newTag: {plain}"), image="app", tag=NEW)
    assert refused.value.reason is Reason.MANIFEST_UNUSUAL
    assert refused.value.detail.startswith("Line 3 has a tag that needs quotes")


@pytest.mark.parametrize("tag", ["", "-a", ".a", "a b", "a\n  newTag: b", 'a"', "a" * 129, "서울", "a:b", "a#"])
def test_what_is_no_tag_is_never_written(tag: str) -> None:
    with pytest.raises(Refused) as refused:
        kustomization.with_tag(OVERLAY, image="app", tag=tag)
    assert refused.value.reason is Reason.TAG_MALFORMED


def test_a_result_that_reads_otherwise_is_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    # No text makes a correct splice read otherwise, so the rule that quotes is broken on purpose.
    monkeypatch.setattr(kustomization, "_NEVER_QUOTED", re.compile(".*"))
    assert '"' not in kustomization.with_tag(entry("newTag: old"), image="app", tag="new")
    with pytest.raises(Refused) as refused:
        kustomization.with_tag(entry("newTag: old"), image="app", tag="1234567")
    assert refused.value.detail == "Line 2 did not come out as it should."


def test_other_encodings_are_refused() -> None:
    assert kustomization.text_of("\ufeffa: 서울\r\n".encode()) == "\ufeffa: 서울\r\n"
    with pytest.raises(Refused) as refused:
        kustomization.text_of(b"a: 1\nb: \xe9\n")
    assert (refused.value.reason, refused.value.detail) == (Reason.MANIFEST_UNREADABLE, "Line 2 is not UTF-8.")
    with pytest.raises(Refused):
        kustomization.text_of("a: 1\n".encode("utf-16"))


def test_the_longest_file_and_hostile_names_take_a_bounded_time() -> None:
    text = entry("newTag: a") + "- name: " + "a" * 20_000 + ".b\n"
    text += "# x\n" * ((kustomization.LONGEST - len(text) - len(NEW)) // 4)
    started = perf_counter()
    assert kustomization.with_tag(text, image="app", tag=NEW).count(NEW) == 1
    assert perf_counter() - started < 10


def shared(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@given(case=kustomizations(), tag=tags)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_line_differs_and_reading_again_gives_that_tag(case: Kustomization, tag: str) -> None:
    assert kustomization.tag_of(case.text, image=case.image) == case.tag
    changed = kustomization.with_tag(case.text, image=case.image, tag=tag)

    assert kustomization.tag_of(changed, image=case.image) == tag
    pairs = list(zip(case.text.split("\n"), changed.split("\n"), strict=True))
    differing = [(old, new) for old, new in pairs if old != new]
    assert len(differing) == (case.tag != tag)
    for was, now in differing:
        before = shared(was, now)
        after = min(shared(was[::-1], now[::-1]), min(len(was), len(now)) - before)
        assert any(was[before : len(was) - after] in f"{quote}{case.tag}{quote}" for quote in "'\"")
        assert any(now[before : len(now) - after] in f"{quote}{tag}{quote}" for quote in "'\"")
    old, new = (yaml.safe_load(text)["images"] for text in (case.text, changed))
    for one, other in zip(old, new, strict=True):
        wanted = one["name"] == case.image and case.tag != tag
        assert other == (one | {"newTag": tag} if wanted else one)


def build(directory: Path, text: str) -> list[Any]:
    """The objects that kustomize makes of Deployments of every image."""
    names = dict(enumerate(IMAGES))
    (directory / "deployments.yaml").write_text(
        yaml.safe_dump_all(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"d{number}"},
                "spec": {"template": {"spec": {"containers": [{"name": "c", "image": f"{name}:old"}]}}},
            }
            for number, name in names.items()
        )
    )
    (directory / "kustomization.yaml").write_bytes(text.encode())
    done = subprocess.run(["kubectl", "kustomize", directory], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return list(yaml.safe_load_all(done.stdout))


@needs_kubectl
@given(case=kustomizations(), tag=tags)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_kustomize_builds_the_same_but_for_that_image(tmp_path: Path, case: Kustomization, tag: str) -> None:
    text = case.text + ("\r\n" if "\r\n" in case.text else "\n") + "resources: [deployments.yaml]\n"
    before = build(tmp_path, text)
    after = build(tmp_path, kustomization.with_tag(text, image=case.image, tag=tag))

    [container] = [
        item["spec"]["template"]["spec"]["containers"][0]
        for item in before
        if item["metadata"]["name"] == f"d{IMAGES.index(case.image)}"
    ]
    assert container["image"].endswith(f":{case.tag}")
    container["image"] = f"{container['image'].removesuffix(case.tag)}{tag}"
    assert after == before


@needs_kubectl
@pytest.mark.parametrize(
    "plain", ["1234567", "0123456", "1.10", "0x1a2b3", "12345e6", "0o12345", "true", "on", "y", "2026-01-05", "1:30:45"]
)
def test_kustomize_takes_the_same_tags_for_texts(tmp_path: Path, plain: str) -> None:
    text = f"resources: [deployments.yaml]\n{entry(f'newTag: {plain}')}"
    try:
        kustomization.tag_of(text, image="app")
    except Refused:
        with pytest.raises(AssertionError, match="cannot unmarshal"):
            build(tmp_path, text)
    else:
        first = build(tmp_path, text)[0]
        assert first["spec"]["template"]["spec"]["containers"][0]["image"] == f"app:{plain}"

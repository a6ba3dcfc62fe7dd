"""Kustomization files as people write them, for property tests: any order, quotes, comments, line ends and styles."""

from dataclasses import dataclass

from hypothesis import strategies as st

PIPELINE_TAG = "a1b2c3d-20260105-143022"
IMAGES = ("app", "app-worker", "reg.io/team/app", "localhost:5000/app", "worker")
PLAIN_TAGS = (PIPELINE_TAG, "latest", "v1.2.3", "2026-01-05", "1234567-20260105-143022")
QUOTED_TAGS = (*PLAIN_TAGS, "1234567", "0123456", "1.10", "true", "null", "12345e6", "0o12345", "y", "on")
COMMENTS = ("", "  # don't touch: newTag: nothing", " # 서울 🎫", "   #", " # name: app")
HEADS = (
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
    "# newTag: not this one\nnamespace: tiketi   # 티케티\n\n",
    "commonAnnotations:\n  note: 'newTag: 1'\n  more: |\n    images:\n    - name: app\n      newTag: neither\n",
    "",
)
TAILS = (
    "",
    "replicas:\n- name: d0\n  count: 3\n",
    "\n# the end\n",
    "configMapGenerator:\n- name: x\n  literals: [A=1]\n",
)

tags = st.one_of(
    st.sampled_from(QUOTED_TAGS),
    st.from_regex(r"[0-9a-f]{7,40}-[0-9]{8}-[0-9]{6}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kustomization:
    """A file, an image in it, the tag the image has, and the tags of the others."""

    text: str
    image: str
    tag: str


@st.composite
def kustomizations(draw: st.DrawFn) -> Kustomization:
    """A file that kustomize can build, and one of its images."""
    names = draw(st.lists(st.sampled_from(IMAGES), min_size=1, max_size=4, unique=True))
    image = draw(st.sampled_from(names))
    entries, tag = [], ""
    for name in names:
        written, asked = draw(_entries(name))
        entries.append(written)
        tag = asked if name == image else tag
    indent = draw(st.sampled_from(("", "  ")))
    head, tail = draw(st.sampled_from(HEADS)), draw(st.sampled_from(TAILS))
    comment = draw(st.sampled_from(COMMENTS))
    listed = "".join(f"{indent}{line}\n" if line else "\n" for entry in entries for line in entry)
    text = f"{head}images:{comment}\n{listed}{tail}"
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    if draw(st.booleans()):
        text = f"\ufeff{text}"
    return Kustomization(text=text, image=image, tag=tag)


@st.composite
def _entries(draw: st.DrawFn, name: str) -> tuple[list[str], str]:
    """The lines of an entry, and the tag that it asks for."""
    quote = draw(st.sampled_from(("", "'", '"')))
    tag = draw(st.sampled_from(QUOTED_TAGS if quote else PLAIN_TAGS))
    pairs = [f"name: {name}", f"newTag: {quote}{tag}{quote}"]
    if draw(st.booleans()):
        pairs.append(f'newName: "registry.example:5000/{name.replace(":", "-")}-x"')
    pairs = list(draw(st.permutations(pairs)))
    if draw(st.booleans()):
        return [f"- {{{', '.join(pairs)}}}{draw(st.sampled_from(COMMENTS))}"], tag
    lines = [f"{'- ' if number == 0 else '  '}{pair}" for number, pair in enumerate(pairs)]
    lines = [f"{line}{draw(st.sampled_from(COMMENTS))}" for line in lines]
    return (["", "# before"] if draw(st.booleans()) else []) + lines, tag

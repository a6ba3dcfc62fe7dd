"""What a request changes, in a few lines: the commits in between, the image behind a tag, and what is new since it was
shown before."""

from collections.abc import Iterable, Iterator, Sequence

from bot.cards.text import code, link, plain
from bot.domain import images
from bot.domain.catalog import Catalog
from bot.domain.contents import Content, ImageChange, Resource
from bot.domain.operations import Between, Operation

_TAG = 60
_NAME = 80
_SHOWN = 5


def since(operation: Operation, *, catalog: Catalog) -> str:
    """The difference to what was shown before; '' for what is asked for the first time, or was not read again yet."""
    before, now = operation.before, operation.content
    if before is None or now is None:
        return ""
    lines = [*_images(before, now), *_resources(before, now)]
    if not lines:
        lines = ["• the same images and objects, which would change in another way"]
    if before.revision != now.revision:
        old, new = (link(one.revision[:7], catalog.commit_page(one.revision)) for one in (before, now))
        compare = link("compare", catalog.compare_page(before.revision, now.revision))
        lines.append(f"• manifests {old} → {new} · {compare}")
    return "\n".join(["⚠️ **Changed since** it was shown, so it is asked again:", *lines])


def behind(change: ImageChange) -> str:
    """What to write after the new image's tag: the beginning of the digest that is behind it, or '' if nobody asked."""
    return f" @ {_digest(change)}" if change.digest else ""


def commits(between: Between, *, back: bool, catalog: Catalog) -> str:
    """The commits that come in and those that are undone, each side in the same way, counted by itself.

    `back` says that somebody goes back: then what is undone comes first. '' when nothing lies between.
    """
    base, head = between.base, between.head
    gained = _side(
        f"Brings {number_of(between.gained)} in",
        between.lines,
        total=between.gained,
        url=catalog.compare_page(base, head),
    )
    lost = _side(
        f"Undoes {number_of(between.lost)}",
        between.lost_lines,
        total=between.lost,
        url=catalog.compare_page(head, base),
    )
    return "\n".join([*lost, *gained] if back else [*gained, *lost])


def number_of(number: int) -> str:
    """How many commits, in words."""
    return "1 commit" if number == 1 else f"{number} commits"


def _side(words: str, lines: Sequence[str], *, total: int, url: str) -> list[str]:
    if not total:
        return []
    shown = [f"• {plain(line, 90)}" for line in lines[:_SHOWN]]
    left = total - len(shown)
    return [f"**{link(words, url)}**", *shown, *([f"• and {left} more"] if shown and left > 0 else [])]


def _images(before: Content, now: Content) -> Iterator[str]:
    """What is other about each service of which another image would run, or runs by now."""
    old, new = ({change.service: change for change in content.images} for content in (before, now))
    moved = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    for name in moved[:_SHOWN]:
        gone, come = old.get(name), new.get(name)
        if gone is None or come is None:
            yield f"• **{plain(name, _NAME)}** {'is new here' if gone is None else 'would change no more'}"
            continue
        for words, one, other in (("would run", gone.new, come.new), ("runs", gone.old, come.old)):
            if one != other:
                tags = [code((image.tag if image else None) or "nothing", _TAG) for image in (one, other)]
                yield f"• **{plain(name, _NAME)}** {words} {' → '.join(tags)}"
        if come.new is not None and gone.new == come.new and gone.digest != come.digest:
            what = f"has changed: {_digest(gone)} →" if gone.digest else "was not looked up, and is"
            yield f"• **{plain(name, _NAME)}** the image behind {code(come.new.version, _TAG)} {what} {_digest(come)}"
    if len(moved) > _SHOWN:
        yield f"• and {len(moved) - _SHOWN} more services"


def _digest(change: ImageChange) -> str:
    return code(images.short_digest(change.digest), images.DIGITS)


def _resources(before: Content, now: Content) -> Iterator[str]:
    """The objects that would change beside those that were shown, and those that would no more."""
    old, new = set(before.resources), set(now.resources)
    if new - old:
        yield f"• also {_names(new - old)}"
    if old - new:
        yield f"• no more {_names(old - new)}"


def _names(resources: Iterable[Resource]) -> str:
    names = sorted(plain(f"{one.kind}/{one.name}", _NAME) for one in resources)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

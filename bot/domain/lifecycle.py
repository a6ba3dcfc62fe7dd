"""What a lifecycle policy of Amazon ECR will delete, computed as ECR does, so that nobody learns it from a pod.

A rule chooses images by their tags, and expires those beyond a number or beyond an age. Rules are applied by priority,
the lowest number first, and an image that matches a rule's tags cannot be expired by a rule that comes later, although
it is still counted there. Of several prefixes or patterns an image needs all.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.tags import StoredImage

COUNT, AGE = "imageCountMoreThan", "sinceImagePushed"
SOON = timedelta(days=7)
SOON_PUSHES = 5
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule that expires images: those beyond the newest `number`, or older than `number` days."""

    priority: int
    tag_status: str
    prefixes: tuple[str, ...]
    patterns: tuple[str, ...]
    count_type: str
    number: int

    def matches(self, image: StoredImage) -> bool:
        """Whether the rule is about this image."""
        if self.tag_status == "any":
            return True
        if self.tag_status == "untagged" or not image.tags:
            return self.tag_status == "untagged" and not image.tags
        prefixes = all(any(tag.startswith(prefix) for tag in image.tags) for prefix in self.prefixes)
        return prefixes and all(any(_like(tag, pattern) for tag in image.tags) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules that are understood, by priority, and the priorities of those that are not."""

    rules: tuple[Rule, ...]
    unknown: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When a rule deletes an image: at a time, or after so many more pushes. ECR does what is due within a day."""

    priority: int
    at: datetime | None = None
    pushes: int | None = None

    def is_soon(self, now: datetime) -> bool:
        """Whether somebody should do something about it now."""
        return (self.at is not None and self.at <= now + SOON) or (
            self.pushes is not None and self.pushes <= SOON_PUSHES
        )


def parse(text: str) -> Policy:
    """The policy in the text that ECR keeps. What cannot be read at all is a policy with one unknown rule."""
    try:
        written = json.loads(text)["rules"]
        found = [(int(rule["rulePriority"]), _rule(rule)) for rule in written]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Policy(rules=(), unknown=(0,))
    rules = sorted((rule for _, rule in found if rule), key=lambda rule: rule.priority)
    return Policy(rules=tuple(rules), unknown=tuple(sorted(priority for priority, rule in found if rule is None)))


def expiries(policy: Policy, stored: Iterable[StoredImage]) -> dict[str, Expiry]:
    """For each image that a rule will delete, by its digest, which rule and when. Never sooner than ECR would."""
    left = sorted(stored, key=lambda image: image.pushed_at or _NO_TIME, reverse=True)
    claimed: set[str] = set()
    found: dict[str, Expiry] = {}
    for rule in policy.rules:
        chosen = [image for image in left if rule.matches(image)]
        for place, image in enumerate(chosen):
            if image.digest in claimed:
                continue
            if rule.count_type == COUNT:
                found[image.digest] = Expiry(priority=rule.priority, pushes=max(rule.number - place, 0))
            elif image.pushed_at is not None:
                at = image.pushed_at + timedelta(days=rule.number)
                found[image.digest] = Expiry(priority=rule.priority, at=at)
        claimed |= {image.digest for image in chosen}
    return found


def _rule(written: Mapping[str, Any]) -> Rule | None:
    """The rule, or None for one that does something else or counts in a way that is not known here."""
    selection = written["selection"]
    known = selection["tagStatus"] in ("tagged", "untagged", "any") and (
        selection["countType"] == COUNT or (selection["countType"] == AGE and selection.get("countUnit") == "days")
    )
    if not known or written["action"]["type"] != "expire" or selection.get("storageClass") not in (None, "standard"):
        return None
    return Rule(
        priority=int(written["rulePriority"]),
        tag_status=selection["tagStatus"],
        prefixes=tuple(map(str, selection.get("tagPrefixList") or ())),
        patterns=tuple(map(str, selection.get("tagPatternList") or ())),
        count_type=selection["countType"],
        number=int(selection["countNumber"]),
    )


def _like(tag: str, pattern: str) -> bool:
    """Whether the tag fits the pattern, in which `*` stands for anything. Policies may have four of them."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag) is not None

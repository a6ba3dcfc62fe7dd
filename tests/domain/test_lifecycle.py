"""A lifecycle policy is read as ECR reads it: by priority, by all prefixes, by number or by age."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain import lifecycle
from bot.domain.lifecycle import Expiry, Policy
from bot.domain.tags import StoredImage

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def rule(priority: int = 1, *, action: str = "expire", **selection: Any) -> dict[str, Any]:
    """A rule as it is written; by default it keeps two images of any kind."""
    counted = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2} | selection
    return {"rulePriority": priority, "selection": counted, "action": {"type": action}}


def policy(*rules: dict[str, Any]) -> Policy:
    return lifecycle.parse(json.dumps({"rules": rules}))


def days_old(days: float, *tags: str) -> StoredImage:
    """An image pushed so many days ago, whose digest says so."""
    return StoredImage(digest=f"{days:g}", tags=frozenset(tags), pushed_at=NOW - timedelta(days=days))


def test_the_number_of_images_left_is_the_number_of_pushes_until_one_goes() -> None:
    found = lifecycle.expiries(policy(rule()), [days_old(3, "c"), days_old(1, "a"), days_old(2, "b")])
    assert found == {
        "1": Expiry(priority=1, pushes=2),
        "2": Expiry(priority=1, pushes=1),
        "3": Expiry(priority=1, pushes=0),
    }
    assert all(expiry.is_soon(NOW) for expiry in found.values())
    assert not Expiry(priority=1, pushes=6).is_soon(NOW)


def test_an_age_gives_a_date() -> None:
    aged = policy(rule(countType="sinceImagePushed", countUnit="days", countNumber=30))
    found = lifecycle.expiries(aged, [days_old(10, "a"), days_old(29, "b")])
    assert found == {
        "10": Expiry(priority=1, at=NOW + timedelta(days=20)),
        "29": Expiry(priority=1, at=NOW + timedelta(days=1)),
    }
    assert [expiry.is_soon(NOW) for expiry in found.values()] == [False, True]


def test_an_image_of_an_earlier_rule_is_counted_but_not_expired_by_a_later_one() -> None:
    kept = policy(rule(2, countNumber=1), rule(1, tagStatus="tagged", tagPrefixList=["prod"], countNumber=10))
    found = lifecycle.expiries(kept, [days_old(1, "prod-2"), days_old(2, "prod-1"), days_old(3, "x")])
    assert found == {
        "1": Expiry(priority=1, pushes=10),
        "2": Expiry(priority=1, pushes=9),
        "3": Expiry(priority=2, pushes=0),
    }


@pytest.mark.parametrize(
    ("selection", "matching"),
    [
        ({"tagStatus": "any"}, ["1", "2", "3"]),
        ({"tagStatus": "untagged"}, ["3"]),
        ({"tagStatus": "tagged", "tagPrefixList": ["a"]}, ["1"]),
        ({"tagStatus": "tagged", "tagPrefixList": ["a", "p"]}, ["1"]),
        ({"tagStatus": "tagged", "tagPrefixList": ["a", "z"]}, []),
        ({"tagStatus": "tagged", "tagPatternList": ["*-2026*"]}, ["1", "2"]),
        ({"tagStatus": "tagged", "tagPatternList": ["b.*"]}, []),  # a dot is a dot
        ({"tagStatus": "tagged", "tagPatternList": ["*-2026*", "prod"]}, ["1"]),
    ],
)
def test_what_a_rule_is_about(selection: dict[str, Any], matching: list[str]) -> None:
    stored = [days_old(1, "a1-20260105", "prod"), days_old(2, "b1-20260104"), days_old(3)]
    assert sorted(lifecycle.expiries(policy(rule(**selection)), stored)) == matching


@pytest.mark.parametrize(
    "written",
    [
        rule(7, countType="sinceImagePulled", countUnit="days"),
        rule(7, countType="sinceImagePushed", countUnit="weeks"),
        rule(7, tagStatus="archived"),
        rule(7, action="transition"),
        rule(7, storageClass="archive"),
    ],
)
def test_a_rule_that_is_not_understood_is_named_and_not_guessed(written: dict[str, Any]) -> None:
    read = policy(written, rule(9))
    assert read.unknown == (7,)
    assert [one.priority for one in read.rules] == [9]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"rules": 3}', '{"rules": [{}]}', '{"rules": [null]}'])
def test_a_policy_that_cannot_be_read_is_unknown(text: str) -> None:
    assert lifecycle.parse(text) == Policy(rules=(), unknown=(0,))


def test_no_rules_delete_nothing() -> None:
    assert lifecycle.expiries(policy(), [days_old(1, "a")]) == {}
    unclear = StoredImage(digest="d", tags=frozenset({"a"}))
    assert lifecycle.expiries(policy(rule(countType="sinceImagePushed", countUnit="days")), [unclear]) == {}

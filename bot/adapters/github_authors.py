"""Who wrote a commit, read from GitHub's answer about it."""

from bot.adapters.fields import Json, section
from bot.domain import people
from bot.domain.people import People


def people_of(commit: Json) -> People:
    """Author, committer and co-authors. Where GitHub knows no account of an address, the address may tell it."""
    detail = section(commit, "commit")
    found = people.co_authors(str(detail.get("message") or ""))
    for role in ("author", "committer"):
        login = section(commit, role).get("login")
        address = str(section(detail, role).get("email") or "")
        found |= People(logins=frozenset({str(login).lower()})) if login else people.of_address(address)
    return found

"""The tables. Every natural key has a unique constraint, so that the database is the judge of "once".

Times are UTC text in ISO 8601 with microseconds: they sort, they read well in a shell, and both databases keep them
alike. Documents are JSON written by `storage.documents`.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)
_Id = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as text that sorts."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> str | None:
        """Refuses a naive datetime: it would silently mean another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, _dialect: Any) -> datetime | None:
        """The same moment, aware."""
        return None if value is None else datetime.fromisoformat(value)


deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("source", String(16), nullable=False),
    Column("key", String(128), nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("state", String(16), nullable=False),
    Column("subject", String(128)),
    Column("reason", String(300)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("source", "key"),
    Index(None, "state", "id"),
    Index(None, "subject"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("environment", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("source_revision", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("environment", "service", "source_revision"),
    Index(None, "environment", "ended"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", _Id, primary_key=True, autoincrement=False),
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
)

applications = Table(
    "applications",
    metadata,
    Column("environment", String(64), primary_key=True),
    Column("document", Text),
    Column("observed_at", Moment),
    Column("hinted_at", Moment),
    Column("failure", String(64)),
)

operations = Table(
    "operations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("service", String(64)),
    Column("state", String(16), nullable=False),
    Column("release_id", _Id),
    Column("once", String(200)),
    Column("target", String(200)),
    Column("document", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("claimed_by", String(64)),
    Column("claimed_until", Moment),
    # 1 when it has ended for nothing and its pull request may still be open.
    Column("leftover", Integer),
    # `once` is the natural key of a request the bot makes by itself; `target` is set while it is open, so that there
    # is one open deploy, and one open restart, per service and environment, and one deploy that is being prepared.
    UniqueConstraint("once"),
    UniqueConstraint("target"),
    Index(None, "state"),
    Index(None, "release_id"),
    Index(None, "environment", "kind"),
    Index(None, "environment", "state"),
    Index(None, "leftover", "updated_at"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("operation_id", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("document", Text, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("operation_id"),
    Index(None, "state", "expires_at"),
)

locks = Table(
    "locks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("environment", String(64), nullable=False),
    Column("target", String(200)),
    Column("nags", Integer, nullable=False),
    Column("document", Text, nullable=False),
    # Set while the lock has not ended, so that there is one for each environment and service.
    UniqueConstraint("target"),
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("environment", String(64), nullable=False),
    # 1 while the freeze has not ended.
    Column("standing", Integer, nullable=False),
    # The end of the window that holds, as the cards were told last.
    Column("told_until", Moment),
    Column("document", Text, nullable=False),
    Index(None, "standing", "environment"),
)

stops = Table(
    "stops",
    metadata,
    Column("id", String(32), primary_key=True),
    # Set while the stop has not ended, so that there is one.
    Column("standing", Integer),
    Column("since", Moment, nullable=False),
    Column("nags", Integer, nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("standing"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("episode", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
)

cards = Table(
    "cards",
    metadata,
    Column("key", String(220), primary_key=True),
    # Every mark makes `version` greater, so that clearing `stale_since` cannot swallow a mark made meanwhile.
    Column("stale_since", Moment),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("not_before", Moment),
    Column("channel_id", _Id),
    Column("message_id", _Id),
    Column("digest", String(64)),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("posting_since", Moment),
    Column("posted_at", Moment),
    Column("retired_message_id", _Id),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Index(None, "stale_since"),
)

audit = Table(
    "audit",
    metadata,
    # A number without gaps, given by whoever appends; `hash` covers every other column, `previous` among them.
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("environment", String(64)),
    Column("service", String(64)),
    Column("operation_id", String(32)),
    Column("outcome", String(32), nullable=False),
    Column("reason", String(64)),
    Column("detail", Text, nullable=False),
    Column("roles", Text),
    Column("correlation", String(160)),
    Column("digest", String(64)),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "environment", "id"),
    Index(None, "actor", "id"),
    Index(None, "operation_id"),
)

proofs = Table(
    "proofs",
    metadata,
    Column("environment", String(64), primary_key=True),
    Column("service", String(64), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("seen_at", Moment, nullable=False),
)

markers = Table(
    "markers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(200), nullable=False),
)

"""What the process tells its operators: log lines and Prometheus metrics.

Every log line, of this program and of its libraries, goes through one formatter, and what that formatter returns is
searched for the secrets of this process before it is written. Searching the finished line covers every way in:
fields, messages, exceptions, URLs. Metrics live in a registry of their own, so that two apps in one process (the
sandbox, the tests) do not share numbers. Labels take values from closed lists only, never text from outside.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TextIO
from urllib.parse import quote

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from structlog.typing import EventDict, Processor, WrappedLogger

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
HIDDEN = "[hidden]"
SHORTEST_SECRET = 4  # hiding something shorter would hide half of every line
TALKATIVE = ("aiohttp.access", "httpcore", "httpx")  # one line for each request, at level INFO

FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SLOW = (*FAST, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """The metrics of one app. Durations are in seconds."""

    registry: CollectorRegistry
    deliveries: Counter
    events: Counter
    discord_writes: Counter
    operations: Counter
    interactions: Counter
    delivery_to_discord: Histogram
    interaction_ack: Histogram
    adapter: Histogram
    queue_depth: Gauge
    watch: Counter

    def render(self) -> bytes:
        """The current numbers in the Prometheus text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)


def build() -> Telemetry:
    """Fresh metrics, all at zero."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    return Telemetry(
        registry=registry,
        deliveries=_counter(registry, "deliveries", "Webhook requests answered", "source", "outcome"),
        events=_counter(registry, "events", "Facts parsed from deliveries", "event"),
        discord_writes=_counter(registry, "discord_writes", "Messages posted or edited", "kind", "outcome"),
        operations=_counter(registry, "operations", "Operations that ended", "kind", "outcome"),
        interactions=_counter(registry, "interactions", "Commands and button presses", "name", "outcome"),
        delivery_to_discord=_histogram(
            registry, "delivery_to_discord", "From a webhook's arrival to the message that shows it", buckets=SLOW
        ),
        interaction_ack=_histogram(
            registry, "interaction_ack", "From an interaction's arrival to its acknowledgement", buckets=FAST
        ),
        watch=_counter(registry, "watch", "What the watches of Argo CD brought", "argocd", "outcome"),
        adapter=_histogram(registry, "adapter", "Calls to other systems", "system", "call", "outcome", buckets=SLOW),
        queue_depth=Gauge(
            "queue_depth", "Rows waiting to be worked off", ("queue",), namespace="chatops", registry=registry
        ),
    )


def configure_logging(
    *, log_format: Literal["json", "console"], secrets: Iterable[str], stream: TextIO | None = None
) -> Callable[[Iterable[str]], None]:
    """Send every log line of the process to `stream` (standard error), without the secrets. Replaces what was set.

    Gives a function that hides more of them from then on.
    """
    mask = _Mask(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, mask],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    return mask.hide


class _Mask:
    """The last processor: replaces the secrets in the finished line, in every spelling they may have there."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: frozenset[str] = frozenset()
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these too. An old secret stays hidden: somebody may not have withdrawn it yet."""
        self._secrets |= frozenset(secrets)
        # A private key is hidden line by line, whatever its line breaks were turned into.
        lines = {line for secret in self._secrets for line in secret.splitlines() if not line.startswith("-----")}
        spellings = {
            spelling
            for line in lines
            if len(line) >= SHORTEST_SECRET
            for escaped in (line, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1], repr(line)[1:-1])
            for spelling in (escaped, quote(line, safe=""), json.dumps(escaped, ensure_ascii=False)[1:-1])
        }
        longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def __call__(self, _logger: WrappedLogger, _name: str, line: EventDict | str) -> str:
        return self._pattern.sub(HIDDEN, str(line)) if self._pattern else str(line)


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, namespace="chatops", registry=registry)


def _histogram(
    registry: CollectorRegistry, name: str, text: str, *labels: str, buckets: tuple[float, ...]
) -> Histogram:
    return Histogram(f"{name}_seconds", text, labels, namespace="chatops", buckets=buckets, registry=registry)

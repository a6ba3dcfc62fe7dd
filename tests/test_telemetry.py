"""Log lines are whole, in one shape, and without secrets; metrics belong to one app."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from bot import telemetry

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOQIBAAJB\nAIILhiN9IFpa\n-----END RSA PRIVATE KEY-----"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging belongs to the process; give it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in telemetry.TALKATIVE}
    # basicConfig(force=True) closes the handlers it finds, and pytest's must live on.
    root.handlers = []
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def json_log(*secrets: str) -> io.StringIO:
    stream = io.StringIO()
    telemetry.configure_logging(log_format="json", secrets=secrets, stream=stream)
    return stream


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    assert parsed.pop("timestamp").endswith("Z")
    return parsed


def test_own_lines_carry_their_fields() -> None:
    stream = json_log()
    with structlog.contextvars.bound_contextvars(delivery_id="d-1"):
        structlog.get_logger("bot.board").info("card edited", card="release:7", seconds=0.25)

    assert only_line(stream) == {
        "event": "card edited",
        "level": "info",
        "logger": "bot.board",
        "card": "release:7",
        "seconds": 0.25,
        "delivery_id": "d-1",
    }


def test_lines_of_libraries_look_the_same() -> None:
    stream = json_log()
    logging.getLogger("discord.gateway").warning("Shard ID %s has connected", 3)

    assert only_line(stream) == {"event": "Shard ID 3 has connected", "level": "warning", "logger": "discord.gateway"}


def test_warnings_are_lines_too() -> None:
    stream = json_log()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old way", FutureWarning, stacklevel=1)

    assert "FutureWarning: old way" in only_line(stream)["event"]


def test_chatter_of_http_clients_is_left_out() -> None:
    stream = json_log()
    for name in telemetry.TALKATIVE:
        logging.getLogger(name).info("GET / 200")
    structlog.get_logger("bot").debug("detail")

    assert stream.getvalue() == ""


def test_the_console_is_for_people() -> None:
    stream = io.StringIO()
    telemetry.configure_logging(log_format="console", secrets=["hunter2"], stream=stream)
    structlog.get_logger("bot").info("started", port=8080, token="hunter2")

    assert "started" in stream.getvalue()
    assert "port=8080" in stream.getvalue()
    assert "token=[hidden]" in stream.getvalue()


def test_what_is_hidden_later_is_hidden_beside_what_was() -> None:
    stream = io.StringIO()
    hide = telemetry.configure_logging(log_format="console", secrets=["first-one"], stream=stream)
    hide(["second-one"])
    structlog.get_logger("bot").info("started", old="first-one", new="second-one")

    assert "new=[hidden]" in stream.getvalue()
    assert "old=[hidden]" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("secret", ["hunter2", 'quo"te\\d', "pässwörd", "p@ss/word", PEM])
def test_a_secret_never_reaches_the_stream(log_format: Any, secret: str) -> None:
    stream = io.StringIO()
    telemetry.configure_logging(log_format=log_format, secrets=[secret], stream=stream)
    log = structlog.get_logger("bot")
    log.info("field", token=secret, nested={"list": [secret]}, **{f"as_key_{secret}": 1})
    log.info(f"message {secret}")
    log.info("positional %s", secret)
    log.info("object", value=ValueError(secret))
    logging.getLogger("library").warning("said %s and %r", secret, {"header": secret})
    logging.getLogger("library").warning("asked https://x/?q=%s", quote(secret, safe=""))
    try:
        raise RuntimeError(f"cannot log in with {secret!r}")
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")

    text = stream.getvalue()
    for line in secret.splitlines():
        if not line.startswith("-----"):
            for spelling in (line, json.dumps(line)[1:-1], repr(line)[1:-1], quote(line, safe="")):
                assert spelling not in text
    assert text.count(telemetry.HIDDEN) >= 10
    assert "Traceback (most recent call last)" in text


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    stream = json_log("abcd", "abcdefgh")
    structlog.get_logger("bot").info("x", value="abcdefgh")

    assert only_line(stream)["value"] == "[hidden]"


def test_text_that_is_too_short_for_a_secret_is_left_alone() -> None:
    stream = json_log("", "in")
    structlog.get_logger("bot").info("in time")

    assert only_line(stream)["event"] == "in time"


def test_metrics_by_name_and_label() -> None:
    metrics = telemetry.build()
    metrics.deliveries.labels(source="github", outcome="stored").inc()
    metrics.events.labels(event="run_started").inc()
    metrics.discord_writes.labels(kind="release", outcome="edited").inc()
    metrics.operations.labels(kind="deploy", outcome="succeeded").inc()
    metrics.interactions.labels(name="deploy", outcome="refused").inc()
    metrics.delivery_to_discord.observe(0.02)
    metrics.interaction_ack.observe(0.02)
    metrics.adapter.labels(system="argocd", call="sync", outcome="ok").observe(2)
    metrics.queue_depth.labels(queue="deliveries").set(4)

    lines = metrics.render().decode().splitlines()

    assert {
        'chatops_deliveries_total{outcome="stored",source="github"} 1.0',
        'chatops_events_total{event="run_started"} 1.0',
        'chatops_discord_writes_total{kind="release",outcome="edited"} 1.0',
        'chatops_operations_total{kind="deploy",outcome="succeeded"} 1.0',
        'chatops_interactions_total{name="deploy",outcome="refused"} 1.0',
        'chatops_delivery_to_discord_seconds_bucket{le="0.025"} 1.0',
        "chatops_interaction_ack_seconds_count 1.0",
        'chatops_adapter_seconds_sum{call="sync",outcome="ok",system="argocd"} 2.0',
        'chatops_queue_depth{queue="deliveries"} 4.0',
    } <= set(lines)
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


def test_two_apps_do_not_share_numbers() -> None:
    one, other = telemetry.build(), telemetry.build()
    one.events.labels(event="run_started").inc()

    assert b"chatops_events_total{" in one.render()
    assert b"chatops_events_total{" not in other.render()

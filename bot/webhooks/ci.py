"""The pipeline's own reports into events: one stage of one run attempt, with what only the pipeline knows.

The format is ours, so it is strict: a report that does not fit is `Unusable` and kept, with every field that is wrong
named. A report that came with an OIDC token must speak about the run that the token was given to.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bot.domain import images
from bot.domain.catalog import Catalog
from bot.domain.events import Event, Stage, StageReported, StageStatus, Unusable
from bot.webhooks import payloads

MESSAGE_LENGTH = 500
_BY_HAND = "workflow_dispatch"

_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Number = Annotated[int, Field(strict=True, gt=0, lt=2**63)]
_Findings = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
_Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
_Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def _moment(value: object) -> datetime:
    found = payloads.moment(value)
    if found is None:
        raise ValueError("must be an RFC 3339 time with its zone")
    return found


def _address(value: str) -> str:
    if payloads.url(value) is None:
        raise ValueError("must be an http:// or https:// address")
    return value


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    format: Literal[1] = Field(alias="schema")
    service: _Name
    environment: _Name
    stage: Stage
    status: StageStatus
    run_id: _Number
    run_attempt: _Number
    source_revision: _Revision
    at: Annotated[datetime, BeforeValidator(_moment)]
    tag: str | None = None
    digest: _Digest | None = None
    critical: _Findings | None = None
    high: _Findings | None = None
    manifest_revision: _Revision | None = None
    message: str | None = None
    url: Annotated[str, AfterValidator(_address)] | None = None

    @model_validator(mode="after")
    def _tag_fits(self) -> Self:
        pushed = self.stage is Stage.PUSH and self.status is StageStatus.SUCCEEDED
        if self.tag is None and pushed:
            raise ValueError("the tag that was pushed is missing")
        if self.tag is not None and not images.built_from(self.tag, source_revision=self.source_revision):
            raise ValueError("the tag does not name an image of source_revision")
        return self


def parse(headers: Mapping[str, str], body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
    """The stage that a delivery reports. Raises `Unusable`."""
    try:
        report = _Report.model_validate(payloads.document(headers, body))
    except ValidationError as error:
        raise Unusable(_problems(error)) from error
    if report.service not in catalog.services:
        raise Unusable("There is no such service.")
    if report.environment not in catalog.environments:
        raise Unusable("There is no such environment.")
    _check_claims(headers, report, catalog=catalog)
    return (
        StageReported(
            service=report.service,
            environment=report.environment,
            run_id=report.run_id,
            run_attempt=report.run_attempt,
            source_revision=report.source_revision,
            stage=report.stage,
            status=report.status,
            at=report.at,
            tag=report.tag,
            digest=report.digest,
            critical=report.critical,
            high=report.high,
            manifest_revision=report.manifest_revision,
            message=payloads.text(report.message, limit=MESSAGE_LENGTH) or None,
            url=report.url,
        ),
    )


def _check_claims(headers: Mapping[str, str], report: _Report, *, catalog: Catalog) -> None:
    """What the token says about the run, when the report came with one, is what the report must say."""
    said = {"run_id": report.run_id, "run_attempt": report.run_attempt, "sha": report.source_revision}
    for name, value in said.items():
        if headers.get(f"claim.{name}", str(value)) != str(value):
            raise Unusable(f"The report and the token's {name} disagree.")
    if headers.get("claim.repository", catalog.repository).casefold() != catalog.repository.casefold():
        raise Unusable("The token belongs to another repository.")
    # A run that was started by hand builds for the environment that was chosen, whatever its branch. Rows that an
    # earlier version took in do not say what started the run.
    if headers.get("claim.event_name", _BY_HAND) != _BY_HAND:
        branch = catalog.environments[report.environment].branch
        if headers.get("claim.ref") != f"refs/heads/{branch}":
            raise Unusable("The token's ref is not the branch of that environment.")


def _problems(error: ValidationError) -> str:
    """Where it is wrong and how, without quoting what was sent."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'report'}: {problem['msg']}" for problem in error.errors()
    )

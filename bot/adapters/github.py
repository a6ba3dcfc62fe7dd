"""GitHub's REST API through PyGithub: who made a commit, is it on a branch, and the way for every other question.

PyGithub is synchronous and its client is not made for several threads, so there is a small pool of threads with a
client each. Its defaults are made for scripts: they repeat POSTs, pace requests, and sleep inside the thread until a
rate limit ends, for up to an hour. Here only reads are repeated, only when GitHub fails, and a used-up rate limit is an
answer like any other: whoever asked decides when to ask again.
"""

import asyncio
import math
import random
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import urllib3
from github import Auth, Github, GithubException, UnknownObjectException
from pydantic import SecretStr

from bot.adapters.calls import Observe, measured, unobserved
from bot.adapters.github_authors import people_of
from bot.adapters.github_errors import GithubError, Limited, NotFound, limit_in
from bot.adapters.remembering import Remembering
from bot.domain import images
from bot.domain.people import People
from bot.domain.reasons import Reason

API_VERSION = "2022-11-28"
SUBJECT_LENGTH = 200
_THREADS = 4
_REMEMBERED = 512
_QUEUE = 120.0
_NO_COMMIT = 422
_COMPLAINT = 120
_ON_BRANCH = frozenset({"ahead", "identical"})
_OFF_BRANCH = frozenset({"behind", "diverged"})
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The bot as an installed GitHub App. `private_key` is asked for each token, so that it can be rotated."""

    id: int | str
    private_key: Callable[[], SecretStr]
    installation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit: the first line of its message, cut, and who wrote it. `author_login` is None when GitHub knows no
    account of that e-mail address. `people` are all who wrote it, its committer and co-authors too."""

    revision: str
    subject: str
    author_login: str | None
    author_name: str
    url: str
    people: People = field(default_factory=People)


class GitHub:
    """One repository on GitHub, as `owner/name`. Without credentials it asks anonymously.

    `socket_timeout` bounds each step of a request, which is repeated `retries` times; `timeout` bounds the whole
    question; `backoff` is about how long a write that lost a race waits before it begins anew. All in seconds.
    """

    def __init__(
        self,
        *,
        url: str,
        repository: str,
        token: Callable[[], SecretStr] | None = None,
        app: App | None = None,
        timeout: float = 45,
        socket_timeout: int = 8,
        retries: int = 3,
        backoff: float = 0.5,
        observe: Observe = unobserved,
    ) -> None:
        self._url = url.rstrip("/")
        self.repository = repository
        self._token = token
        self._app = app
        self._timeout = timeout
        self._socket_timeout = socket_timeout
        self._retries = retries
        self._backoff = backoff
        self._observe = observe
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="github")
        self._local = threading.local()
        self._clients: list[Github] = []
        self._commits: Remembering[str, Commit] = Remembering(seconds=math.inf, most=_REMEMBERED)
        self._limited_until = 0.0
        self._writers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def aclose(self) -> None:
        """Close the connections. A thread in the middle of a question is left to its time-outs."""
        await self._commits.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    async def commit(self, revision: str) -> Commit:
        """The commit of a full revision, from memory if it was asked for lately. Raises NotFound or GithubError."""

        async def ask() -> Commit:
            return await self.ask("commit", lambda client: commit_in(self._read(client, revision)))

        return await (self._commits.get(revision, ask) if images.is_revision(revision) else ask())

    async def contains(self, branch: str, revision: str) -> bool:
        """Whether the revision is the tip of the branch or an ancestor of it.

        A revision that GitHub does not know (any more) is on no branch. Raises NotFound when it is the branch or the
        repository that cannot be seen, GithubError when GitHub does not answer.
        """
        try:
            status = await self.ask("compare", lambda client: self._compare(client, base=revision, head=branch))
        except NotFound:
            await self.ask("commit", lambda client: commit_in(self._read(client, branch)))
            return False
        if status not in _ON_BRANCH | _OFF_BRANCH:
            raise GithubError(f"compare says {status!r}")
        return status in _ON_BRANCH

    async def check(self) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        who = "a GitHub App" if self._app else "a token" if self._token else "nobody: set CHATOPS_GITHUB_TOKEN"
        try:
            found = await self.ask("repository", lambda client: client.get_repo(self.repository).raw_data)
        except NotFound:
            return [("GitHub", False, f"{self.repository} does not exist, or cannot be seen as {who}")]
        except GithubError as error:
            return [("GitHub", False, f"does not answer as {who} ({error.log[:_COMPLAINT]})")]
        if "full_name" not in found:
            return [("GitHub", False, "answers, but not like GitHub's API; see CHATOPS_GITHUB_API_URL")]
        return [("GitHub", True, f"reads {found['full_name']} as {who}")]

    async def granted(self) -> dict[str, Any] | None:
        """What the App was granted, in GitHub's words; None for a token, of which GitHub does not tell it."""
        app = self._app
        return await self.ask("installation", lambda _client: self._granted(app)) if app else None

    async def ask(self, call: str, question: Callable[[Github], _Result]) -> _Result:
        """Have a thread put a question to its client. One that was not begun when the time is up is never begun.

        `call` names the question in the metrics. Raises NotFound or GithubError; Limited, without asking, until the end
        of a limit of which GitHub has told.
        """
        with measured(self._observe, system="github", call=call):
            left = math.ceil(self._limited_until - monotonic())
            if left > 0:
                raise Limited(f"limited for {left} more s", retry_after=left)
            try:
                async with asyncio.timeout(self._timeout):
                    return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
            except TimeoutError as error:
                raise GithubError(f"no answer within {self._timeout:g} s") from error
            except Limited as error:
                self._limited_until = max(self._limited_until, monotonic() + error.retry_after)
                raise

    @asynccontextmanager
    async def writing(self, branch: str) -> AsyncIterator[None]:
        """Be the only writer of a branch in this process: GitHub refuses two at once, even of different files.

        Raises GithubError (BRANCH_BUSY) when it is not one's turn within two minutes.
        """
        lock = self._writers.setdefault(branch, asyncio.Lock())
        try:
            async with asyncio.timeout(_QUEUE):
                await lock.acquire()
        except TimeoutError as error:
            raise GithubError(f"others were writing to {branch}", reason=Reason.BRANCH_BUSY) from error
        try:
            yield
        finally:
            lock.release()

    async def pause(self, attempt: int) -> None:
        """Wait before the next try, longer each time and never as long as the others."""
        await asyncio.sleep(self._backoff * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads load

    def _read(self, client: Github, revision: str) -> dict[str, Any]:
        # One file per page: the commit's files are of no interest, and there may be hundreds.
        return client.get_repo(self.repository).get_commit(revision, commit_files_per_page=1).raw_data

    def _compare(self, client: Github, *, base: str, head: str) -> str:
        return client.get_repo(self.repository).compare(base, head, comparison_commits_per_page=1).status

    def _answer(self, question: Callable[[Github], _Result]) -> _Result:
        try:
            return question(self._client())
        except GithubError:
            raise
        except UnknownObjectException as error:
            raise NotFound(str(error)) from error
        except GithubException as error:
            if limit := limit_in(error):
                raise limit from error
            raise (NotFound if error.status == _NO_COMMIT else GithubError)(str(error)) from error
        except Exception as error:
            # PyGithub lets through what requests and PyJWT raise, and asserts that answers carry the address it was
            # given. To the bot these say one thing, and none of them may end the loop that asked.
            raise GithubError(repr(error)) from error

    def _client(self) -> Github:
        """This thread's client."""
        client: Github | None = getattr(self._local, "client", None)
        if client is None:
            client = self._connected(self._auth())
            self._local.client = client
            self._clients.append(client)
        return client

    def _connected(self, auth: Auth.Auth | None) -> Github:
        return Github(
            base_url=self._url,
            auth=auth,
            timeout=self._socket_timeout,
            retry=urllib3.Retry(
                total=self._retries,
                backoff_factor=0.5,
                status_forcelist=range(500, 600),
                allowed_methods={"GET", "HEAD"},
                respect_retry_after_header=False,
                raise_on_status=False,
            ),
            per_page=100,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            api_version=API_VERSION,
            user_agent="tiketi-chatops",
        )

    def _granted(self, app: App) -> dict[str, Any]:
        with self._connected(_app_auth(app)) as client:
            _headers, found = client.requester.requestJsonAndCheck("GET", f"/app/installations/{app.installation_id}")
        granted = found.get("permissions") if isinstance(found, dict) else None
        return granted if isinstance(granted, dict) else {}

    def _auth(self) -> Auth.Auth | None:
        if self._app:
            return _app_auth(self._app).get_installation_auth(self._app.installation_id)
        return _Latest(self._token) if self._token else None


def _app_auth(app: App) -> Auth.AppAuth:
    return Auth.AppAuth(app.id, lambda: app.private_key().get_secret_value())


class _Latest(Auth.Token):
    """The token of the moment of each request."""

    def __init__(self, latest: Callable[[], SecretStr]) -> None:
        self._latest = latest

    @property
    def token(self) -> str:
        return self._latest().get_secret_value()


def commit_in(data: Any) -> Commit:
    """The commit in GitHub's answer. `author` is null, or even an empty object, for an unknown e-mail address.

    Raises GithubError for what is not a commit.
    """
    if not isinstance(data, dict) or not images.is_revision(str(data.get("sha"))):
        raise GithubError(f"not a commit: {data!r}")  # PyGithub takes any page for an answer, a proxy's too.
    detail = data.get("commit") or {}
    lines = str(detail.get("message") or "").strip().splitlines()
    return Commit(
        revision=str(data["sha"]),
        subject=lines[0][:SUBJECT_LENGTH] if lines else "",
        author_login=(data.get("author") or {}).get("login"),
        author_name=str((detail.get("author") or {}).get("name") or ""),
        url=str(data.get("html_url") or ""),
        people=people_of(data),
    )

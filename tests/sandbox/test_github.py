"""PyGithub, as the bot uses it, reads the world; the OIDC issuer's tokens are checked by PyJWT."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from github import Auth, Github, GithubException, GithubIntegration
from github.Repository import Repository

from sandbox import github as stand_in
from sandbox.oidc import Oidc
from sandbox.world import World

REPOSITORY = "ORGANIZATION/project-ticketing"


def client(server: stand_in.Github, *, auth: Auth.Auth | None = None) -> Github:
    """PyGithub as the bot has it: nothing asked that is not needed, and no waiting between two requests."""
    return Github(
        base_url=server.url,
        auth=auth or Auth.Token(server.token),
        lazy=True,
        per_page=100,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


async def ask(question: Callable[[Repository], Any], server: stand_in.Github) -> Any:
    """Ask in a thread, since PyGithub blocks and the server runs in this one's loop."""

    def work() -> Any:
        with client(server) as github:
            return question(github.get_repo(REPOSITORY))

    return await asyncio.to_thread(work)


async def test_commits_branches_and_comparisons(server: stand_in.Github, world: World) -> None:
    base = world.git.head("main").sha
    released = world.release("prod", "ticket-service", subject="fix: hold a seat")

    def question(repository: Repository) -> Any:
        compared = repository.compare(base, "main")
        commit = repository.get_commit(released.source.sha)
        return (
            repository.full_name,
            repository.get_branch("main").commit.sha,
            repository.get_git_ref("heads/main").object.sha,
            (compared.status, compared.ahead_by, [item.sha for item in compared.commits], len(compared.files)),
            (commit.commit.message, commit.author.login, [file.filename for file in commit.files]),
            next(item.sha for item in repository.get_commits(path="k8s/overlays/prod", sha="main")),
            repository.compare(released.manifest.sha, released.source.sha).status,
        )

    assert await ask(question, server) == (
        REPOSITORY,
        released.manifest.sha,
        released.manifest.sha,
        ("ahead", 2, [released.source.sha, released.manifest.sha], 2),
        ("fix: hold a seat", "hyunwoo", ["services/ticket-service/src/server.js"]),
        released.manifest.sha,
        "behind",
    )


async def test_a_force_push_leaves_a_commit_off_the_branch(server: stand_in.Github, world: World) -> None:
    base = world.git.head("main").sha
    lost = world.commit_source("backend", branch="main", login="minji", subject="fix: lost").sha
    world.git.force("main", base)
    world.commit_source("backend", branch="main", login="minji", subject="fix: kept")
    status = await ask(lambda repository: repository.compare(lost, "main").status, server)
    assert status == "diverged"


async def test_contents_of_a_file_and_a_directory(server: stand_in.Github, world: World) -> None:
    def question(repository: Repository) -> Any:
        file = repository.get_contents("k8s/overlays/prod/kustomization.yaml", ref="main")
        directory = repository.get_contents("k8s/overlays", ref="main")
        assert not isinstance(file, list)
        assert isinstance(directory, list)
        return file.decoded_content.decode(), [(item.name, item.type) for item in directory]

    text, names = await ask(question, server)
    assert text == world.git.head("main").tree["k8s/overlays/prod/kustomization.yaml"]
    assert names == [("dev", "dir"), ("prod", "dir"), ("staging", "dir")]


async def test_every_address_for_programs_is_on_this_server(server: stand_in.Github, world: World) -> None:
    world.release("prod", "backend")
    commit = world.git.head("main")
    run = world.actions.request("backend", branch="main", commit=commit, event="push", at=commit.at)

    def addresses(value: Any, name: str = "") -> list[tuple[str, str]]:
        if isinstance(value, dict):
            return [pair for key, inner in value.items() for pair in addresses(inner, key)]
        if isinstance(value, list):
            return [pair for inner in value for pair in addresses(inner, name)]
        return [(name, value)] if isinstance(value, str) and value.startswith("http") else []

    people = {"html_url", "avatar_url", "blob_url", "raw_url", "badge_url", "html", "documentation_url"}
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as api:
        for path in (
            "",
            "/commits/main",
            "/compare/develop...main",
            f"/actions/runs/{run.id}",
            "/contents/k8s?ref=main",
        ):
            answer = await api.get(f"/repos/{REPOSITORY}{path}")
            assert answer.status_code == 200
            foreign = {name for name, url in addresses(answer.json()) if not url.startswith(server.url)}
            assert foreign <= people, path
            assert int(answer.headers["X-RateLimit-Remaining"]) > 4000


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/nothing", 404, "Not Found"),
        ("/repos/somebody/else", 404, "Not Found"),
        (f"/repos/{REPOSITORY}/commits/nope", 422, "No commit found for SHA: nope"),
        (f"/repos/{REPOSITORY}/compare/main...nope", 404, "Not Found"),
        (f"/repos/{REPOSITORY}/branches/nope", 404, "Branch not found"),
        (f"/repos/{REPOSITORY}/git/ref/heads/nope", 404, "Not Found"),
        (f"/repos/{REPOSITORY}/contents/nope", 404, "Not Found"),
        (f"/repos/{REPOSITORY}/actions/runs/1", 404, "Not Found"),
    ],
)
async def test_what_is_not_there(server: stand_in.Github, path: str, status: int, message: str) -> None:
    headers = {"Authorization": f"token {server.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as api:
        answer = await api.get(path)
    body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    assert (answer.status_code, answer.json()) == (status, body)


async def test_a_wrong_token_and_none(server: stand_in.Github) -> None:
    with pytest.raises(GithubException) as refused:
        await asyncio.to_thread(
            lambda: client(server, auth=Auth.Token("ghp_wrong")).get_repo(REPOSITORY).get_branch("main")
        )
    assert (refused.value.status, refused.value.data["message"]) == (401, "Bad credentials")
    async with httpx.AsyncClient(base_url=server.url) as api:
        assert (await api.get("/meta")).json()["hooks"][0] == "192.30.252.0/22"
        assert (await api.get("/user")).status_code == 401
        assert (await api.get(f"/repos/{REPOSITORY}")).status_code == 404
    assert await asyncio.to_thread(lambda: client(server).get_user().login) == "tiketi-ops"
    assert await asyncio.to_thread(lambda: client(server).get_rate_limit().rate.limit) == 5000


async def test_an_app_gets_a_token_of_its_installation(server: stand_in.Github) -> None:
    def question() -> str:
        app = Auth.AppAuth(server.app_id, server.private_key)
        auth = app.get_installation_auth(server.installation_id)
        with GithubIntegration(
            base_url=server.url, auth=app, seconds_between_requests=None, seconds_between_writes=None
        ):
            return client(server, auth=auth).get_repo(REPOSITORY).get_branch("main").commit.sha

    assert await asyncio.to_thread(question) == server.world.git.head("main").sha
    [asked] = [item for item in server.requests if item.method == "POST"]
    assert (asked.path, asked.body) == ("/app/installations/77/access_tokens", {"permissions": {}})
    async with httpx.AsyncClient(base_url=server.url) as api:
        forged = jwt.encode({"iss": "424242", "iat": 0, "exp": 2**31}, "x" * 32)
        answer = await api.post(asked.path, headers={"Authorization": f"Bearer {forged}"})
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


async def test_its_faults(server: stand_in.Github) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"token {server.token}"}) as api:
        server.faults.failures = 2
        assert [(await api.get("/user")).status_code for _ in range(3)] == [502, 502, 200]
        server.faults.secondary_limit = 60
        answer = await api.get("/user")
        assert (answer.status_code, answer.headers["Retry-After"]) == (403, "60")
        assert answer.json()["message"].startswith("You have exceeded a secondary rate limit.")
        server.faults.secondary_limit = None
        server.faults.status = 403
        answer = await api.get("/user")
        assert answer.json()["message"].startswith("API rate limit exceeded")
        assert answer.headers["X-RateLimit-Remaining"] == "0"
        server.faults.status = None
        server.faults.slow = 5
        with pytest.raises(httpx.ReadTimeout):
            await api.get("/user", timeout=0.05)


async def test_a_list_comes_in_pages(server: stand_in.Github, world: World) -> None:
    for number in range(5):
        world.commit_source("backend", branch="main", login="minji", subject=f"fix: {number}")
    headers = {"Authorization": f"token {server.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as api:
        url: str | None = f"/repos/{REPOSITORY}/commits?sha=main&per_page=3"
        pages = []
        while url:
            answer = await api.get(url)
            pages.append(len(answer.json()))
            url = answer.links.get("next", {}).get("url")
    assert pages == [3, 3, 1]


async def test_the_issuer_signs_tokens_that_its_keys_verify(world: World) -> None:
    commit = world.commit_source("backend", branch="main", login="sora", subject="x")
    run = world.actions.request("backend", branch="main", commit=commit, event="push", at=commit.at)
    async with Oidc(world) as issuer, httpx.AsyncClient(base_url=issuer.url) as api:
        configuration = (await api.get("/.well-known/openid-configuration")).json()
        assert configuration["issuer"] == issuer.url
        keys = jwt.PyJWKSet.from_dict((await api.get(configuration["jwks_uri"])).json())
        token = issuer.token(run, aud="chatops")
        key = keys[jwt.get_unverified_header(token)["kid"]]
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        claims = jwt.decode(token, key, algorithms=["RS256"], audience="chatops", issuer=issuer.url, options=options)
        expected = {
            "repository": REPOSITORY,
            "repository_id": "700000001",
            "ref": "refs/heads/main",
            "sha": commit.sha,
            "run_id": str(run.id),
            "run_attempt": "1",
            "event_name": "push",
            "job_workflow_ref": f"{REPOSITORY}/.github/workflows/backend-ci-cd.yml@refs/heads/main",
        }
        assert {name: claims[name] for name in expected} == expected
        assert claims["exp"] - claims["iat"] == 21_600
        forged = issuer.token(run, key="another")
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(forged, key, algorithms=["RS256"], audience="chatops", options=options)
        assert "jti" not in jwt.decode(issuer.token(run, jti=None), options={"verify_signature": False})


def test_contents_are_in_base64_with_line_breaks(world: World) -> None:
    text = "x" * 100
    shown = stand_in.Github(world).shapes.content("a/b.txt", "main", "a" * 40, text, whole=True)
    assert (shown["name"], shown["size"], base64.b64decode(shown["content"]).decode()) == ("b.txt", 100, text)
    assert max(map(len, shown["content"].splitlines())) <= 76

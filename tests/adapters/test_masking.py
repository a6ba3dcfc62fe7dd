"""Secrets in lines are hidden where they are, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.masking import HIDDEN, LONGEST_KEY, masked, masked_answer, masked_lines

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"token is {JWT}", f"token is {HIDDEN}"),
        ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {HIDDEN}"),
        ("Authorization: abcdefgh12345", f"Authorization: {HIDDEN}"),
        ("using Bearer abcdefgh12345 now", f"using Bearer {HIDDEN} now"),
        ("push with ghp_" + "a" * 36, f"push with {HIDDEN}"),
        ("push with github_pat_" + "a" * 40, f"push with {HIDDEN}"),
        ("key AKIAIOSFODNN7EXAMPLE used", f"key {HIDDEN} used"),
        ("hook https://discord.com/api/webhooks/1/abcdefghijkl", f"hook {HIDDEN}"),
        ("postgres://me:hunter2@db:5432/x", f"postgres://me:{HIDDEN}@db:5432/x"),
        ("DB_PASSWORD=hunter2 next=1", f"DB_PASSWORD={HIDDEN} next=1"),
        ('{"api_key":"abc","user":"me"}', f'{{"api_key":"{HIDDEN}","user":"me"}}'),
        ("secret: swordfish", f"secret: {HIDDEN}"),
        ("Set-Cookie: sid=1; Path=/", f"Set-Cookie: {HIDDEN}; Path=/"),
        (r"{\"user\":\"me\",\"password\":\"hunter2\"}", rf"{{\"user\":\"me\",\"password\":\"{HIDDEN}\"}}"),
        ("DB_PASS=hunter2", f"DB_PASS={HIDDEN}"),
        ("dbPass=hunter2", f"dbPass={HIDDEN}"),
        ("password:\t\t\t\thunter2", f"password:\t\t\t\t{HIDDEN}"),
        ('password => "hunter2"', f'password => "{HIDDEN}"'),
        ('password="it\'s hunter2" next', f'password="{HIDDEN}" next'),
        ('password="hunter2 and the rest is cut', f'password="{HIDDEN}'),
        (r'password="hun\"ter2" next', f'password="{HIDDEN}" next'),
        (r"{\\\"password\\\":\\\"hunter2\\\"}", rf"{{\\\"password\\\":\\\"{HIDDEN}\\\"}}"),
        ("password=ghp_" + "a" * 36 + "/hunter2", f"password={HIDDEN}"),
        ('token="ghp_' + "a" * 36 + ' hunter2"', f'token="{HIDDEN}"'),
        ("Authorization: Bearer short", f"Authorization: Bearer {HIDDEN}"),
        ('{"name":"DB_PASSWORD","value":"hunter2"}', f'{{"name":"DB_PASSWORD","value":"{HIDDEN}"}}'),
        ("- name: DB_PASSWORD\n  value: hunter2\n", f"- name: DB_PASSWORD\n  value: {HIDDEN}\n"),
        ("tokenPath: password=hunter2", f"tokenPath: password={HIDDEN}"),
        ("mail with SG." + "a" * 22 + "." + "b" * 43, f"mail with {HIDDEN}"),
        ("pull with dckr_pat_" + "a" * 27, f"pull with {HIDDEN}"),
        ("socket xapp-1-" + "A" * 20, f"socket {HIDDEN}"),
        ("tls.key: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=", f"tls.key: {HIDDEN}"),
        ('{"k":"-----BEGIN PRIVATE KEY-----\\nA\\n-----END PRIVATE KEY-----","u":1}', f'{{"k":"{HIDDEN}","u":1}}'),
        ("-----BEGIN PRIVATE KEY-----" + "A" * 9000, HIDDEN),
        ("pass: hunter2", f"pass: {HIDDEN}"),
        ("ENCRYPTION_KEY=abc JWT_SIGNING_KEY=def", f"ENCRYPTION_KEY={HIDDEN} JWT_SIGNING_KEY={HIDDEN}"),
        ("charge with sk_live_" + "a" * 24, f"charge with {HIDDEN}"),
        ("clone with glpat-" + "a" * 20, f"clone with {HIDDEN}"),
        ("publish with npm_" + "a" * 36, f"publish with {HIDDEN}"),
        ("map AIza" + "a" * 35, f"map {HIDDEN}"),
        ("GET /?session=abcdef0123456789&x=1", f"GET /?session={HIDDEN}&x=1"),
        ("card 4111 1111 1111 1111 declined", f"card {HIDDEN} declined"),
        ("card:4111-1111-1111-1111, declined", f"card:{HIDDEN}, declined"),
        ('{"pan":"5555555555554444"}', f'{{"pan":"{HIDDEN}"}}'),
        ("amex 3782 822463 10005.", f"amex {HIDDEN}."),
        ("mastercard 2223003122003222", f"mastercard {HIDDEN}"),
        ("-----BEGIN RSA PRIVATE KEY-----MIIE", HIDDEN),
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: str, shown: str) -> None:
    assert masked(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        "GET /health 200 2 ms",
        "Error: connect ECONNREFUSED 10.20.3.14:5432",
        "order 4111111111111112 paid",  # no payment card: the sum is wrong
        "image: 123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/tiketi-backend:a1b2c3d-20260105-143022",
        # The sums of these five pass, but no network numbers its cards so.
        "image: ghcr.io/cchriscode/tiketi-backend:f2cd0d3-20261127-193328",
        "built at 20261127-183329",
        "at 1764270000004 ms",
        "ratio 0.4111111111111111",
        "4111 11111111-1111 requests",
        "2026-11-27T15:23:31.123Z INFO tokens: ",
        "예매가 완료되었습니다",
        "tests passed: 3",
        "compass: north, bypass=on",
        "  secretName: tiketi-tls",
        '"secretKeyRef":{"key":"password","name":"db"}',
        "DB_PASSWORD_FILE=/run/secrets/db",
        "--password=$(DB_PASSWORD)",
        "url=postgres://me:${DB_PASSWORD}@db/x",
        "tokenExpirationSeconds: 3600",
        '"credentials":{"user":"me"}',
        "imagePullSecrets: []",
        "pass_rate=0.97",
        "session=",
        "invalid token signature",
        "ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUQ=",
        "automountServiceAccountToken: false",
        "session: opened for root",
        "commit 5f0c9d1e6a0b4a7f2d3c8b9e1f00aa11bb22cc33",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert masked(line) == line


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(line: str) -> None:
    assert masked(masked(line)) == masked(line)


PIECES = [
    *(
        "password",
        "token",
        "secretName",
        "pass",
        "session=",
        "name: ",
        "value: ",
        "=",
        ":",
        '"',
        "'",
        '\\"',
        " ",
        "\n",
        ",",
    ),
    *("{", "}", "[hidden]", "Bearer ", "Basic ", "x://u:", "@", "hunter2", "abcdefgh1", "4111 1111 1111 1111", "User "),
    *("sub: ", '"data":{', "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "ghp_" + "a" * 36),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_nothing_that_was_hidden_lets_another_pattern_see_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)
    assert masked_answer(masked_answer(text)) == masked_answer(text)
    assert masked(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "piece",
    [
        *("password", "a", "://", "eyJ", "4 ", '"', "password=", "Bearer ", "-----BEGIN "),
        *(
            "a.",
            "secret-",
            'password="',
            "password='",
            'password=\\"',
            "secretName=",
            "name: token",
            '"data":{',
            '"a":"b",',
        ),
        *("-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n", f"{'a' * 64}\n", "User ", 'User "', "sub: "),
    ],
)
def test_a_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    # Under a pattern that goes back and forth this would not end within the suite's own time-out.
    assert isinstance(masked_answer(piece * (100_000 // len(piece))), str)


END = "-----END PRIVATE KEY-----"
KEY = [letter * 64 for letter in "abc"]


@pytest.mark.parametrize("margin", ["", "+    ", "-  "])
def test_a_private_key_is_hidden_to_its_end(margin: str) -> None:
    lines = ["before", "-----BEGIN RSA PRIVATE KEY-----", *KEY, "-----END RSA PRIVATE KEY-----", "after"]
    shown = masked_lines(f"{margin}{line}" for line in lines)
    assert shown == [f"{margin}before", *[f"{margin}{HIDDEN}"] * 5, f"{margin}after"]
    assert masked_lines(shown) == shown


def test_a_private_key_without_its_beginning_is_known_by_its_end() -> None:
    shown = masked_lines(["listening on :3000", *KEY, "-----END PRIVATE KEY-----", "after"])
    assert shown == ["listening on :3000", *[HIDDEN] * 4, "after"]
    short = masked_lines(f"2026-11-27T10:00:00Z {line}" for line in ["ready :3000", *KEY, "dGhlIGVuZA==", END])
    assert short == ["2026-11-27T10:00:00Z ready :3000", *[HIDDEN] * 5]


def test_a_beginning_without_an_end_does_not_hide_the_rest_for_ever() -> None:
    shown = masked_lines(["-----BEGIN PRIVATE KEY-----", *["line"] * (LONGEST_KEY + 1)])
    assert shown == [*[HIDDEN] * (LONGEST_KEY + 1), "line"]


def test_a_certificate_is_no_secret() -> None:
    lines = ["-----BEGIN CERTIFICATE-----", *KEY, "-----END CERTIFICATE-----"]
    assert masked_lines(lines) == lines


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('User "system:serviceaccount:argocd:x" cannot patch', f"User {HIDDEN} cannot patch"),
        (
            "permission denied: applications, sync, tiketi/prod, sub: proj:tiketi:chatops, iat: 2026-08-01T09:00:00Z",
            f"permission denied: applications, sync, tiketi/prod, sub: {HIDDEN}, iat: {HIDDEN}",
        ),
        ('patch: {"stringData":{"password":"hunter2"}}', f'patch: {{"stringData":{{"password":"{HIDDEN}"}}}}'),
        (
            'patch:\n{"data":{"user":"bWU=","key":"a{b"}} to:',
            f'patch:\n{{"data":{{"user":"{HIDDEN}","key":"{HIDDEN}"}}}} to:',
        ),
        (r"{\"data\":{\"user\":\"bWU=\"}}", rf"{{\"data\":{{\"user\":\"{HIDDEN}\"}}}}"),
        (r"User \"system:serviceaccount:argocd:x\" cannot", f"User {HIDDEN} cannot"),
        ('(user "a" groups=["system:authenticated"])', f"(user {HIDDEN} groups={HIDDEN})"),
        ("bound to system:serviceaccount:argocd:x.", f"bound to {HIDDEN}"),
        (f"apply: -----BEGIN PRIVATE KEY-----\nMIIE\n{END}\nafter", f"apply: {HIDDEN}\n{HIDDEN}\n{HIDDEN}\nafter"),
        ("Operation terminated", "Operation terminated"),
        ("Sync operation blocked by sync window", "Sync operation blocked by sync window"),
        ("successfully synced (all tasks run)", "successfully synced (all tasks run)"),
        ("one or more tasks are running", "one or more tasks are running"),
    ],
)
def test_what_argocd_says_names_no_account_and_no_secret(said: str, shown: str) -> None:
    assert masked_answer(said) == shown
    assert masked_answer(shown) == shown

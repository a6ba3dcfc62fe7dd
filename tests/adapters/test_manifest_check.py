"""What kubectl builds, held against the schemas: what is wrong is told with the file and the line that wrote it."""

import pytest

from bot.adapters import manifest_check
from bot.adapters.manifest_check import CheckFailed
from bot.adapters.overlays import Overlay
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Checked, Problem
from tests.adapters.overlaid import BACKEND, GOOD, KUSTOMIZATION, PATCH, PROD, checked, lines, with_patches

HEAD = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: backend\nspec:\n"
NUMBER, TRUTH = "has to be a whole number, and is a text", "has to be true or false, and is a text"


async def test_a_good_overlay_tells_its_objects_and_images() -> None:
    assert await checked(GOOD) == Checked(
        kinds={"Service": 1, "Deployment": 1},
        images=("proxy:2", "registry/tiketi-backend:1.10"),
        kubernetes="1.37",
    )


async def test_a_wrong_value_is_found_in_the_patch_that_wrote_it_and_not_in_the_base() -> None:
    files = with_patches("patches:\n- path: patch.yaml\n", patch=f'{HEAD}  replicas: 3\n  minReadySeconds: "5"\n')
    files[BACKEND] = files[BACKEND].replace("spec:\n  selector", "spec:\n  minReadySeconds: 5\n  selector")
    assert lines(await checked(files)) == [f"{PATCH}:7 Deployment/x-backend spec.minReadySeconds: {NUMBER}"]


async def test_items_of_lists_are_told_apart_by_name_and_by_what_is_in_them() -> None:
    patch = f"""{HEAD}  template:
    spec:
      containers:
        - name: proxy
          ports:
            - containerPort: 80
            - {{containerPort: http}}
          env:
            - nam: A
"""
    assert lines(await checked(with_patches("patches: [{path: patch.yaml}]\n", patch=patch))) == [
        f"{PATCH}:12 Deployment/x-backend spec.template.spec.containers[0].ports[1].containerPort: {NUMBER}",
        f"{PATCH}:14 Deployment/x-backend spec.template.spec.containers[0].env[0]: name is missing",
        f"{PATCH}:14 Deployment/x-backend spec.template.spec.containers[0].env[0].nam: there is no such field",
    ]


PATCHED = {
    "an operation in a text": (
        "patches:\n- target: {kind: Deployment, name: backend}\n  patch: |-\n"
        "    - op: replace\n      path: /spec/template/spec/containers/1/image\n      value: proxy:3\n"
        "    - op: add\n      path: /spec/paused\n      value: maybe\n",
        [f"{KUSTOMIZATION}:17 Deployment/x-backend spec.paused: {TRUTH}"],
    ),
    "an operation on one line": (
        "patchesJson6902:\n- target: {version: v1, group: apps, kind: Deployment, name: backend}\n"
        '  patch: \'[{"op": "add", "path": "/spec/paused", "value": "maybe"}]\'\n',
        [f"{KUSTOMIZATION}:11 Deployment/x-backend spec.paused: {TRUTH}"],
    ),
    "a strategic merge in a text": (
        f"patchesStrategicMerge:\n- |-\n  {HEAD.replace(chr(10), chr(10) + '  ')}  revisionHistoryLimit: few\n",
        [f"{KUSTOMIZATION}:16 Deployment/x-backend spec.revisionHistoryLimit: {NUMBER}"],
    ),
    "one patch for every kind": (
        "patches:\n- target: {kind: .*}\n  path: patch.yaml\n",
        [f"{PATCH}:5 Service/x-backend spec.foo: there is no such field",
         f"{PATCH}:5 Deployment/x-backend spec.foo: there is no such field"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHED)
async def test_every_way_to_write_a_patch_has_its_line(name: str) -> None:
    patches, expected = PATCHED[name]
    patch = "kind: Any\nmetadata: {name: any}\n# of all\nspec:\n  foo: 1\n"
    assert lines(await checked(with_patches(patches, patch=patch))) == expected


async def test_the_base_is_named_where_the_base_is_wrong() -> None:
    base = GOOD[BACKEND].replace("  selector:\n    matchLabels: {app: backend}\n", "")
    base = base.replace("          image: proxy:2\n", "          tty: [proxy]\n").replace("port: 80", "port: http")
    assert lines(await checked({**GOOD, BACKEND: base})) == [
        f"{BACKEND}:5 Deployment/x-backend spec: selector is missing",
        f"{BACKEND}:14 Deployment/x-backend spec.template.spec.containers[1].tty: {TRUTH.replace('text', 'list')}",
        f"{BACKEND}:22 Service/x-backend spec.ports[0].port: {NUMBER}",
    ]


async def test_kinds_without_a_schema_are_counted_and_no_problem() -> None:
    own = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a}
spec: {replicas: three}
---
apiVersion: networking.istio.io/v1
kind: Ingress
metadata: {name: a}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: a}
"""
    files = with_patches("", own=own)
    files[KUSTOMIZATION] = files[KUSTOMIZATION].replace("- ../../base\n", "- ../../base\n  - own.yaml\n")
    found = await checked(files)
    assert (found.problems, found.total, sum(found.kinds.values())) == ((), 0, 5)
    assert found.unchecked == {
        "Ingress (networking.istio.io/v1)": 1,
        "PodDisruptionBudget (policy/v1beta1)": 1,
        "Rollout (argoproj.io/v1alpha1)": 1,
    }


async def test_what_a_generator_made_is_named_without_a_file() -> None:
    more = """\
configMapGenerator: [{name: c, literals: [A=1]}]
patches:
- target: {kind: ConfigMap}
  patch: '[{"op": "add", "path": "/immutable", "value": "maybe"}, {"op": "add", "path": "/data/B", "value": "b"}]'
transformed: no
"""
    more = more.replace("transformed: no\n", "")
    [problem] = (await checked(with_patches(more))).problems
    assert problem.subject.startswith("ConfigMap/x-c-")
    assert (problem.file, problem.line, problem.place, problem.text) == (KUSTOMIZATION, 12, "immutable", TRUTH)

    overlay = Overlay(directory=PROD, files={KUSTOMIZATION: b"{}"}, kustomizations=[KUSTOMIZATION])
    built = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-1}\nimmutable: maybe\n"
    assert (await manifest_check.check(overlay, built=built)).problems == (
        Problem(text=TRUTH, subject="ConfigMap/c-1", place="immutable"),
    )


async def test_kustomize_reads_dates_times_and_octal_numbers_in_its_own_way() -> None:
    patch = f"""{HEAD}  template:
    metadata: {{annotations: {{at: 12:30:00, on: 2026-01-05}}}}
    spec: {{volumes: [{{name: a, secret: {{secretName: a, defaultMode: 0o444, optional: yes}}}}]}}
"""
    assert lines(await checked(with_patches("patches: [{path: patch.yaml}]\n", patch=patch))) == [
        f"{PATCH}:8 Deployment/x-backend spec.template.spec.volumes[0].secret.optional: {TRUTH}"
    ]


async def test_no_value_of_a_secret_is_ever_told() -> None:
    secret = """\
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: [hunter2hunter2]}
type: 7
"""
    files = with_patches("", secret=secret)
    files[KUSTOMIZATION] = files[KUSTOMIZATION].replace("- ../../base\n", "- ../../base\n  - secret.yaml\n")
    found = await checked(files)
    assert lines(found) == [
        f"{PROD}/secret.yaml:4 Secret/x-s stringData.password: has to be a text, and is a list",
        f"{PROD}/secret.yaml:5 Secret/x-s type: has to be a text, and is a number",
    ]
    assert "hunter2" not in repr(found)


async def test_a_check_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_check, "SECONDS", 0.01)  # the same limit, in test time
    with pytest.raises(Refused) as caught:
        await checked(GOOD)
    assert caught.value.reason is Reason.BUILD_TIMED_OUT


async def test_a_check_that_takes_too_much_memory_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_check, "MEMORY", 64 * 1024 * 1024)  # the same limit, reached sooner
    with pytest.raises(Refused) as caught:
        await manifest_check.check(
            Overlay(directory=PROD, kustomizations=[KUSTOMIZATION]), built=f"a: [{'1, ' * 300_000}]\n"
        )
    assert caught.value.reason is Reason.OVERLAY_TOO_BIG


async def test_a_check_that_fails_says_where_and_quotes_nothing() -> None:
    overlay = Overlay(directory=PROD, files={}, kustomizations=[])
    endless = "apiVersion: v1\nkind: ConfigMap\ndata: &data {hunter2: *data}\n"
    with pytest.raises(CheckFailed) as caught:
        await manifest_check.check(overlay, built=endless)
    assert str(caught.value).splitlines()[-1] == "RecursionError"
    assert "hunter2" not in str(caught.value)

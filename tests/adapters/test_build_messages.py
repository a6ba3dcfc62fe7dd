"""What kustomize says when an overlay does not build: short, with the place that it means, and without secrets."""

import pytest

from tests.adapters.overlaid import BACKEND, BASE, GOOD, KUSTOMIZATION, PATCH, PROD, checked, lines, with_patches

HEAD = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: backnd\n"
HUNTER = "hunter2hunter2"
RESOURCE = GOOD[KUSTOMIZATION].replace("- ../../base\n", "- ../../base\n  - secret.yaml\n")
UNNAMED = GOOD[BACKEND].replace("  name: backend\nspec:\n  ports", "  labels: {}\nspec:\n  ports")
TWICE = GOOD[KUSTOMIZATION].replace("- ../../base\n", "- ../../base\n  - own.yaml\n")
OWN = f"{PROD}/own.yaml"
BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "no YAML": (
        {BACKEND: f"{GOOD[BACKEND]}x: y: z\n"},
        f"{BACKEND}:25 : not YAML: mapping values are not allowed in this context",
    ),
    "a key twice": (
        {BACKEND: f"{GOOD[BACKEND]}kind: Service\n"},
        f"{BACKEND}:25 : not YAML: the key kind is written twice",
    ),
    "no name": (
        {BACKEND: UNNAMED},
        f"{BACKEND}:0 : missing metadata.name in object {{{{v1 Service}} {{{{ }} map[] map[]}}}}",
    ),
    "a patch for nothing": (
        with_patches("patches: [{path: patch.yaml}]\n", patch=HEAD),
        f'{PATCH}:4 Deployment/backnd: no resource matches strategic merge patch "Deployment.v1.apps/backnd.[noNs]": '
        "no matches for Id Deployment.v1.apps/backnd.[noNs]; failed to find unique target for patch "
        "Deployment.v1.apps/backnd.[noNs]",
    ),
    "the same object twice": (
        {KUSTOMIZATION: TWICE, OWN: "apiVersion: v1\nkind: Service\nmetadata:\n  name: backend\n"},
        f"{OWN}:4 Service/backend: may not add resource with an already registered id: "
        "Service.v1.[noGrp]/backend.[noNs]",
    ),
    "a wrong type in a kustomization": (
        with_patches("commonLabels: {a: 1}\n"),
        ":0 : invalid Kustomization: json: cannot unmarshal number into Go struct field Kustomization.commonLabels "
        "of type string",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_build_that_fails_is_told_with_its_place(name: str) -> None:
    files, expected = BROKEN[name]
    found = await checked({**GOOD, **files})
    assert lines(found) == [expected]
    assert (found.total, found.kubernetes, found.kinds) == (1, "", {})


SECRET = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {HUNTER}}}\n"
QUOTING = {
    "a literal": with_patches(f"secretGenerator: [{{name: s, literals: [{HUNTER}]}}]\n"),
    "a node": {
        **GOOD,
        KUSTOMIZATION: RESOURCE.replace("images:", "commonAnnotations: {a: b}\nimages:"),
        f"{PROD}/secret.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s, annotations: [{HUNTER}]}}\n",
    },
    "an operation": with_patches(
        f"patches: [{{target: {{kind: Deployment}}, patch: '[{{op: replace, path: /nowhere/a, value: {HUNTER}}}]'}}]\n"
    ),
    "two of one name": {
        **GOOD,
        KUSTOMIZATION: RESOURCE,
        f"{PROD}/secret.yaml": f"{SECRET}stringData: {{a: {HUNTER}}}\n---\n{SECRET}",
    },
}


@pytest.mark.parametrize("name", QUOTING)
async def test_what_kustomize_quotes_is_left_out(name: str) -> None:
    [problem] = (await checked(QUOTING[name])).problems
    assert problem.text
    assert HUNTER not in problem.text


async def test_paths_are_those_of_the_repository() -> None:
    files = {**GOOD, f"{BASE}/kustomization.yaml": "resources: [backend.yaml]\nnamePrefix: [a]\n"}
    [problem] = (await checked(files)).problems
    assert problem.text == (
        "couldn't make target for path 'k8s/base': invalid Kustomization: json: cannot unmarshal array into Go struct "
        "field Kustomization.namePrefix of type string"
    )

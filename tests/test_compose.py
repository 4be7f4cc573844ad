"""The compose file is valid, and the containers it describes are safe to run unattended."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())  # its shape is what is tested here
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def validate(file: Path) -> subprocess.CompletedProcess[str]:
    """Check a file against the schema of the Compose Specification, https://compose-spec.io."""
    command = shutil.which("check-jsonschema", path=Path(sys.executable).parent)
    assert command, "check-jsonschema is not installed beside this Python"
    return subprocess.run(
        [command, "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_compose_file_follows_the_specification() -> None:
    outcome = validate(COMPOSE_FILE)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_validator_sees_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE_FILE.read_text().replace("restart:", "restarts:", 1))
    assert "restarts" in validate(wrong).stdout


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["interval"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [name for name in SERVICES if "image" in SERVICES[name]])
def test_every_image_has_a_version_and_a_check(name: str) -> None:
    assert re.search(r":v?\d+(\.\d+)*$", SERVICES[name]["image"])
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_data_lies_in_declared_volumes() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {volume for volume in used if not volume.startswith("./")} == set(COMPOSE["volumes"])
    assert all(service["volumes"] for service in SERVICES.values())


def test_what_comes_from_this_folder_is_there_and_is_only_read() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service["volumes"] if volume.startswith("./")]
    assert mounted
    for volume in mounted:
        source, _, mode = volume.split(":")
        assert (ROOT / source).exists()
        assert mode == "ro"


def test_only_the_service_and_grafana_are_published_and_on_loopback_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"service": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}


def test_every_password_is_required_and_none_is_baked_in() -> None:
    documented = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"\w+=", line)
    )
    assert set(documented.values()) == {""}
    text = COMPOSE_FILE.read_text()
    variables = re.findall(r"(?<!\$)\$\{(\w+)(:\?)?", text)
    assert {name for name, _ in variables} == set(documented)
    assert all(required for _, required in variables)
    secrets = re.findall(r"PASSWORD: (.*)", text) + re.findall(r"://apo:(.*?)@", text)
    assert len(secrets) == 9
    assert all(secret.startswith("${") for secret in secrets)


def test_the_service_is_configured_with_every_server() -> None:
    environment = SERVICES["service"]["environment"]
    for database in ("POSTGRES", "MONGO", "CLICKHOUSE"):
        host = re.search(r"@(\w+):\d+/apo", environment[f"APO_{database}__URL"])
        assert host
        assert host[1] in SERVICES["service"]["depends_on"]


def test_the_image_runs_as_an_ordinary_user_and_checks_itself() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER apo" in lines
    assert any("--require-hashes -r requirements.lock" in line for line in lines)
    assert any("/healthz" in line for line in lines)
    assert lines[-1] == 'CMD ["python", "main.py", "serve"]'


def test_the_image_gets_only_what_the_service_runs_on() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    allowed = {rule.strip("!/") for rule in rules if rule.startswith("!")}
    assert allowed == {
        "*.py",
        "config.toml",
        "requirements.lock",
        "actors",
        "protocols",
        "storage",
        "banks",
    }

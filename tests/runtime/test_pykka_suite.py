"""Pykka's own test suite, unchanged, passes on the event loop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


@pytest.fixture
def pykka_source(tmp_path: Path) -> Path:
    """The source distribution of the locked version, which has the tests; pip checks the locked hashes."""
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    locked = re.search(r"^pykka==(?:.*\\\n)*.*$", lock, re.MULTILINE)
    assert locked is not None, "requirements.lock has no pykka"
    requirement = tmp_path / "pykka.txt"
    requirement.write_text(locked.group(), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--no-binary",
        "pykka",
        "--require-hashes",
        "--requirement",
        str(requirement),
        "--dest",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, timeout=120)
    (archive,) = tmp_path.glob("pykka-*.tar.gz")
    shutil.unpack_archive(archive, tmp_path)
    return tmp_path / archive.name.removesuffix(".tar.gz")


@pytest.mark.timeout(300)
def test_pykkas_own_tests_pass_on_the_event_loop(pykka_source: Path) -> None:
    report = pykka_source / "report.xml"
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "pykka_suite_plugin", "tests"]
    command += ["-p", "no:cacheprovider", f"--junit-xml={report}", "--timeout=60"]
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{HERE}"}
    run = subprocess.run(
        command, cwd=pykka_source, env=environment, capture_output=True, text=True, timeout=240, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
    # None is left out: those that take no runtime, as of messages and of the threading runtime, pass as ever.
    names = [case.attrib["name"] for case in ET.parse(report).iter("testcase")]
    on_event_loop = [name for name in names if "[event_loop" in name]
    assert len(on_event_loop) >= 120
    assert not any("[threading" in name for name in names)
    assert not list(ET.parse(report).iter("skipped"))

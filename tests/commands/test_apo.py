"""`./apo`, whose packages are there already."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.running import ROOT


def test_files_are_looked_for_where_it_was_called(tmp_path: Path) -> None:
    house, here = tmp_path / "the house", tmp_path / "here"
    python = house / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$PWD" "$@"\n')
    python.chmod(0o755)
    for name in ("apo", "setup.sh", "requirements.lock"):
        shutil.copy(ROOT / name, house)
    shutil.copy(ROOT / "requirements.lock", house / ".venv/locked")
    here.mkdir()
    command = [str(house / "apo"), "bank", "validate", "my bank.yaml"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout == f"{here} {house}/main.py bank validate my bank.yaml\n"

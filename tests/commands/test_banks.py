"""`bank validate` and `bank import`, beside a running service."""

import base64
import hashlib
import time
import urllib.request
from pathlib import Path

import pytest

from tests.commands.house import House
from tests.running import ROOT

GOOD = """
subject: {subject}
title: Проба
topics: [{{slug: one, title: Первая}}]
questions:
  - {{id: q-1, kind: text, topic: one, difficulty: 1, text: Один?, key: {{accept: [да]}}}}
  - {{id: q-2, kind: text, topic: one, difficulty: 2, text: Два?, key: {{accept: [да]}}}}
"""
BAD = GOOD + "  - {{id: q-3, kind: text, topic: one, difficulty: 9, text: Три?, key: {{accept: [да]}}}}\n"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def _file(folder: Path, text: str, subject: str = "trial", name: str = "bank.yaml") -> Path:
    file = folder / name
    file.write_text(text.format(subject=subject), encoding="utf-8")
    return file


def _subjects(house: House) -> dict[str, int]:
    return {subject["slug"]: subject["questions"] for subject in house.ask("/subjects")["items"]}


def _wait_for(house: House, subject: str, questions: int) -> None:
    deadline = time.monotonic() + 30
    while _subjects(house).get(subject) != questions:
        assert time.monotonic() < deadline, _subjects(house)
        time.sleep(0.1)


def test_validating_tells_what_an_import_would_do_and_changes_nothing(house: House, tmp_path: Path) -> None:
    file = _file(tmp_path, GOOD, "only-looked-at")
    for _ in range(2):
        done = house.run("bank", "validate", file)
        assert (done.status, done.err) == (0, "")
        assert "yaml, subject only-looked-at, 2 questions, 2 valid" in done.out
        assert "would be added 2" in done.out


def test_the_banks_that_come_along_are_already_there(house: House) -> None:
    done = house.run("bank", "validate", ROOT / "banks/biology/questions.yaml")
    assert done.status == 0
    assert "would be added 0, would be updated 0, unchanged 74" in done.out


def test_each_error_is_a_line_with_file_place_path_and_message(house: House, tmp_path: Path) -> None:
    file = _file(tmp_path, BAD, "faulty")
    done = house.run("bank", "validate", file)
    assert done.status == 1
    assert "3 questions, 2 valid" in done.out
    (line,) = [line.strip() for line in done.out.splitlines() if "difficulty" in line]
    assert line.startswith(f"{file}:line 8, q-3: difficulty: ")
    assert "at most 5" in line


def test_a_file_that_is_no_bank_is_named_once(house: House, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("What is it?\n")
    done = house.run("bank", "validate", file)
    assert done.status == 1
    assert f"  {file}: line 1" in done.out
    assert done.out.count("README.md") == 2, "in the head line and in the error"


def test_a_declaration_alone_is_told_as_what_it_is(house: House, tmp_path: Path) -> None:
    file = tmp_path / "subject.yaml"
    file.write_text("slug: declared-alone\ntitle: Alone\ntopics: [{slug: one, title: One}]\n")
    assert (
        "the subject declared-alone would be declared; there are no questions"
        in house.run("bank", "validate", file).out
    )
    assert "the subject declared-alone is declared; there are no questions" in house.run("bank", "import", file).out
    _wait_for(house, "declared-alone", 0)


def test_what_no_machine_can_grade_is_skipped_with_its_reason(house: House, tmp_path: Path) -> None:
    file = tmp_path / "bank.gift"
    file.write_text("$CATEGORY: one\n\n::e::Write about cells. {}\n\n::t::Cells live. {T}\n", encoding="utf-8")
    done = house.run("bank", "validate", file, "--subject", "essays", "--format", "gift")
    assert done.status == 0, done.said
    assert "skipped 1:" in done.out
    assert "essay" in done.out


def test_a_running_service_notices_an_import(house: House, tmp_path: Path) -> None:
    done = house.run("bank", "import", _file(tmp_path, GOOD, "noticed"))
    assert (done.status, done.err) == (0, "")
    assert "added 2, updated 0, unchanged 0" in done.out
    _wait_for(house, "noticed", 2)


def test_importing_twice_changes_nothing(house: House, tmp_path: Path) -> None:
    file = _file(tmp_path, GOOD, "twice")
    house.run("bank", "import", file)
    done = house.run("bank", "import", file)
    assert "added 0, updated 0, unchanged 2" in done.out


def test_an_import_is_all_or_nothing_unless_partial(house: House, tmp_path: Path) -> None:
    file = _file(tmp_path, BAD, "partly")
    refused = house.run("bank", "import", file)
    assert refused.status == 1
    assert "nothing was imported" in refused.err
    assert "--partial" in refused.err
    assert "q-3: difficulty" in refused.out
    taken = house.run("bank", "import", file, "--partial")
    assert taken.status == 0
    assert "added 2" in taken.out
    assert "q-3: difficulty" in taken.out
    _wait_for(house, "partly", 2)


def test_pictures_are_found_beside_the_file_wherever_the_command_runs(house: House, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PIXEL)
    file = _file(tmp_path, GOOD.replace("text: Один?", "text: Один?, image: dot.png"), "pictures")
    assert house.run("bank", "import", file).status == 0
    name = hashlib.sha256(PIXEL).hexdigest()
    with urllib.request.urlopen(f"{house.url}/api/v1/files/{name}", timeout=10) as answer:
        assert answer.read() == PIXEL


def test_a_picture_that_is_missing_is_an_error_of_its_question(house: House, tmp_path: Path) -> None:
    file = _file(tmp_path, GOOD.replace("text: Один?", "text: Один?, image: dot.png"), "no-pictures")
    done = house.run("bank", "validate", file)
    assert done.status == 1
    assert "q-1: image: " in done.out
    assert "dot.png" in done.out


@pytest.mark.parametrize("action", ["validate", "import"])
def test_a_file_that_cannot_be_read_is_named(house: House, tmp_path: Path, action: str) -> None:
    missing = house.run("bank", action, tmp_path / "nowhere.yaml")
    assert (missing.status, missing.err) == (
        1,
        f"main.py: {tmp_path}/nowhere.yaml: No such file or directory\n",
    )
    folder = house.run("bank", action, tmp_path)
    assert (folder.status, folder.err) == (1, f"main.py: {tmp_path}: Is a directory\n")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0 a photograph", "UTF-8"),
        (b"subject: x\nquestions: [{id: a", "line 2"),
        (b"<html></html>", "HTML"),
    ],
)
def test_a_file_that_is_no_bank_is_told_plainly(house: House, tmp_path: Path, content: bytes, named: str) -> None:
    file = tmp_path / "bank.yaml"
    file.write_bytes(content)
    done = house.run("bank", "import", file)
    assert done.status == 1
    assert named in done.said
    assert "nothing was imported" in done.err


def test_a_file_that_is_too_large_is_not_read_to_its_end(house: House, tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole: it takes no room
    done = house.run("bank", "validate", file)
    assert done.status == 1
    assert "larger than 32 MiB" in done.err


def test_more_than_one_transaction_takes_is_imported_all_the_same(house: House, tmp_path: Path) -> None:
    question = "  - {{id: q-{}, kind: text, topic: one, difficulty: 1, text: '{}', key: {{accept: [да]}}}}"
    questions = "\n".join(question.format(number, f"{number} " + "x" * 9_000) for number in range(3_400))
    file = tmp_path / "bank.yaml"
    file.write_text(f"subject: fat\ntitle: Fat\ntopics: [{{slug: one, title: One}}]\nquestions:\n{questions}\n")
    assert file.stat().st_size > 30_000_000
    done = house.run("bank", "import", file)
    assert done.status == 0, done.said
    assert "added 3400, updated 0, unchanged 0" in done.out
    _wait_for(house, "fat", 3_400)
    assert "added 0, updated 0, unchanged 3400" in house.run("bank", "import", file).out


def test_an_export_is_unchanged_when_it_is_imported(house: House, tmp_path: Path) -> None:
    house.run("bank", "import", _file(tmp_path, GOOD, "there-and-back"))
    for name in ("out.yaml", "out.json", "out.gift", "out.xml", "out.xlsx"):
        done = house.run("bank", "export", "there-and-back", tmp_path / name)
        assert (done.status, done.err) == (0, ""), done.said
        assert "subject there-and-back, 2 questions" in done.out
        again = house.run("bank", "import", tmp_path / name, "--subject", "there-and-back")
        assert "added 0, updated 0, unchanged 2" in again.out, again.said


def test_an_export_with_pictures_is_a_zip(house: House, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PIXEL)
    house.run("bank", "import", _file(tmp_path, GOOD.replace("text: Один?", "text: Один?, image: dot.png"), "pictured"))
    done = house.run("bank", "export", "pictured", tmp_path / "out.yaml")
    assert f"{tmp_path}/out.yaml.zip: yaml, subject pictured, 2 questions" in done.out
    again = house.run("bank", "validate", tmp_path / "out.yaml.zip")
    assert "yaml (pictured.yaml), subject pictured" in again.out
    assert "unchanged 2" in again.out


def test_a_selection_is_exported(house: House, tmp_path: Path) -> None:
    done = house.run("bank", "export", "biology", tmp_path / "some.gift", "--kind", "order")
    assert "left out: GIFT has no questions of putting things in order" in done.out
    assert ": gift, subject biology, 0 questions" in done.out


def test_the_errors_of_a_workbook_are_written_beside_its_cells(house: House, tmp_path: Path) -> None:
    template = tmp_path / "template.xlsx"
    assert house.run("bank", "template", "biology", template).status == 0
    checked = house.run("bank", "validate", template, "--errors-beside", tmp_path / "copy.xlsx")
    assert (checked.status, checked.err) == (0, "")
    assert "an example row of the template" in checked.out
    assert (tmp_path / "copy.xlsx").read_bytes().startswith(b"PK")

"""`export`: spreadsheets of what the service keeps, made beside it."""

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from tests.commands.house import House

PASSWORD = "long-enough-4711"


def _sheet(file: Path) -> list[dict[str, object]]:
    """The rows of the first sheet, by their headings."""
    heading, *rows = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
    return [dict(zip(map(str, heading), row, strict=True)) for row in rows]


def _exported(house: House, kind: str, file: Path, *more: str) -> list[dict[str, object]]:
    done = house.run("export", kind, file, *more)
    assert (done.status, done.err) == (0, ""), done.said
    rows = _sheet(file)
    assert done.out == f"{file}: {len(rows)} row{'' if len(rows) == 1 else 's'}\n"
    return rows


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_a_name_that_looks_like_a_formula_is_text(house: House, tmp_path: Path, sign: str) -> None:
    login, name = f"formula-{ord(sign)}", f"{sign}HYPERLINK(A1)"
    house.ask("/users", {"login": login, "password": PASSWORD, "name": name, "grade": 9})
    file = tmp_path / "users.xlsx"
    (row,) = [row for row in _exported(house, "users", file, "--language", "en") if row["Login"] == login]
    assert (row["Name"], row["Role"], row["Grade"], row["Blocked"]) == (name, "student", 9.0, False)
    with zipfile.ZipFile(file) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


def test_moments_are_dates_and_figures_are_numbers(house: House, tmp_path: Path) -> None:
    house.ask("/users", {"login": "trainee", "password": PASSWORD, "name": "Ученик"})
    token = house.token("trainee", PASSWORD)
    training = house.ask("/trainings", {"subject": "biology", "size": 2, "filters": {"kinds": ["single"]}}, token)
    question = training["question"]
    answer = {"question": question["id"], "response": question["options"][0]["id"]}
    verdict = house.ask(f"/trainings/{training['id']}/answers", answer, token)
    house.ask(f"/trainings/{training['id']}", token=token)  # waits until the journal is carried onward
    house.ask("/trainings", token=token)

    rows = _exported(house, "results", tmp_path / "results.xlsx", "--language", "en")
    (row,) = [row for row in rows if row["Login"] == "trainee"]
    assert (row["Training"], row["Subject"], row["Mode"]) == (training["id"], "biology", "practice")
    assert (row["Questions"], row["Answered"], row["Score"]) == (2.0, 1.0, verdict["score"])
    assert row["Share of the score"] == verdict["score"] / 2
    assert row["Finished (UTC)"] == ""
    started = row["Started (UTC)"]
    assert isinstance(started, datetime)
    told = datetime.fromisoformat(training["started_at"])
    assert abs(started.replace(tzinfo=UTC) - told) < timedelta(seconds=1)


def test_questions_are_all_there_with_their_keys(house: House, tmp_path: Path) -> None:
    rows = _exported(house, "questions", tmp_path / "questions.xlsx", "--language", "en")
    biology = [row for row in rows if row["Subject"] == "biology"]
    assert len(biology) == 74
    assert all(row["Key"] for row in biology)
    (cell,) = [row for row in biology if row["Question"] == "cell-001"]
    assert (cell["Kind"], cell["Difficulty"], cell["Key"]) == ("number", 1.0, "value: 3.0; tolerance: 0.01")


def test_headings_are_russian_unless_asked_otherwise(house: House, tmp_path: Path) -> None:
    assert "Предмет" in _exported(house, "questions", tmp_path / "questions.xlsx")[0]


def test_an_export_replaces_the_file_and_leaves_nothing_beside(house: House, tmp_path: Path) -> None:
    file = tmp_path / "users.xlsx"
    file.write_text("old")
    _exported(house, "users", file)
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    missing = house.run("export", "users", tmp_path / "nowhere" / "a.xlsx")
    assert missing.status == 1
    assert f"there is no folder {tmp_path}/nowhere" in missing.err
    (tmp_path / "folder.xlsx").mkdir()
    folder = house.run("export", "users", tmp_path / "folder.xlsx")
    assert folder.status == 1
    assert "is a folder" in folder.err
    assert not house.data.exists()

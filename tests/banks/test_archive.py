"""A bank in a ZIP with its pictures; and archives that are meant to do harm."""

import base64
import io
import struct
import zipfile

import pytest

from storage.banks import BankFile, BankFileError, archive, read
from storage.banks.pictures import PictureError, resolve

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
YAML = b"subject: x\nquestions: [{id: a, image: dot.png}]\n"


def packed(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in members:
            made.writestr(name, content, method)
    return buffer.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(BankFileError) as caught:
        read(content)
    return caught.value.message


def picture_of(bank: BankFile, name: str) -> bytes:
    found = resolve(name, None, bank.pictures)
    assert found is not None
    return found.content


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (YAML, "yaml"),
        (b'{"questions": []}', "json"),
        (b"::t:: 2 + 2 = 4 {T}", "gift"),
        (b"<quiz></quiz>", "moodle-xml"),
        (b"Q\nA. a\nB. b\nANSWER: A\n", "aiken"),
    ],
)
def test_each_format_is_found_in_a_zip_whatever_its_name(content: bytes, format: str) -> None:
    bank = read(packed(("some.dat", content), ("dot.png", PIXEL)))
    assert (bank.format, bank.inside) == (format, "some.dat")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (b"{\\rtf1\\ansi {Hello}}", "RTF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "XLS, DOC"),
        (packed(("[Content_Types].xml", b"<a/>"), ("word/document.xml", b"<a/>")), "DOCX"),
        (packed(("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"), method=zipfile.ZIP_STORED), "ODS"),
    ],
)
def test_files_of_other_programs_are_told_by_name(content: bytes, told: str) -> None:
    message = refusal(content)
    assert told in message
    assert "save the questions as XLSX or as plain text" in message


def test_pictures_are_found_from_the_file_s_folder_and_from_the_top() -> None:
    bank = read(packed(("bio/bank.yaml", YAML), ("bio/img/dot.png", PIXEL), ("top.png", PIXEL)))
    for name in ("img/dot.png", "./img/dot.png", "bio/img/dot.png", "top.png", "img\\dot.png"):
        assert picture_of(bank, name) == PIXEL
    with pytest.raises(PictureError):
        resolve("../secret.png", None, bank.pictures)


def test_names_in_the_encodings_that_windows_writes() -> None:
    for encoding in ("cp866", "utf-8"):
        content = packed(("bank.yaml", YAML), ("?.png", PIXEL)).replace(b"?.png", b"#####")
        name = "ё.png".encode(encoding)
        info = zipfile.ZipInfo("x" * len(name))
        content = packed(("bank.yaml", YAML), (info, PIXEL)).replace(b"x" * len(name), name)
        assert picture_of(read(content), "ё.png") == PIXEL


def test_what_operating_systems_leave_behind_is_overlooked() -> None:
    litter = [("__MACOSX/._bank.yaml", b"\0\1"), (".DS_Store", b"\0"), ("Thumbs.db", b"\0"), ("folder/", b"")]
    assert read(packed(("bank.yaml", YAML), *litter)).inside == "bank.yaml"


def test_an_error_inside_names_the_file_inside() -> None:
    assert refusal(packed(("bank.json", b'{"questions": 3}'))).startswith("bank.json: line 1")


def test_no_bank_or_several_are_refused_by_name() -> None:
    assert "no bank file" in refusal(packed(("a.bin", b"\0"), ("dot.png", PIXEL)))
    assert "'a.yaml', 'b.yaml'" in refusal(packed(("a.yaml", YAML), ("b.yaml", YAML)))
    assert "no bank file" in refusal(packed())


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "a/../../b", "C:\\a.png", "..\\a.png", "\\\\host\\a"])
def test_paths_that_lead_out_are_refused(name: str) -> None:
    assert "leads out of its folder" in refusal(packed(("bank.yaml", YAML), (zipfile.ZipInfo(name), PIXEL)))


def test_symbolic_links_are_refused() -> None:
    link = zipfile.ZipInfo("dot.png")
    link.external_attr = 0o120777 << 16
    assert "symbolic link" in refusal(packed(("bank.yaml", YAML), (link, b"/etc/passwd")))


def test_a_zip_in_a_zip_is_refused() -> None:
    assert "another ZIP" in refusal(packed(("bank.yaml", YAML), ("more.zip", packed(("a", b"b")))))


def test_what_unpacks_to_a_thousand_times_its_size_is_refused() -> None:
    assert "times its size" in refusal(packed(("bank.yaml", b"\n" * (16 << 20))))


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    members = [(f"{at}.txt", b"ab" * (1 << 20)) for at in range(archive.MOST_UNPACKED // (2 << 20) + 1)]
    assert "at most 128 MiB" in refusal(packed(*members))


def test_too_many_files_are_refused() -> None:
    assert "more than 20000 files" in refusal(packed(*((str(at), b"") for at in range(20_001))))


def test_a_size_that_was_told_too_small_is_found_out() -> None:
    content = packed(("bank.yaml", YAML * 1000))
    at = content.index(b"PK\x01\x02") + 24
    lying = content[:at] + struct.pack("<I", 10) + content[at + 4 :]
    assert "damaged" in refusal(lying)


def test_passwords_and_odd_methods_are_told() -> None:
    content = bytearray(packed(("bank.yaml", YAML)))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(bytes(content))
    assert "packed by method 12" in refusal(packed(("bank.yaml", YAML), method=zipfile.ZIP_BZIP2))


@pytest.mark.parametrize("cut", [30, 60, 120])
def test_a_damaged_zip_is_refused_with_a_sentence(cut: int) -> None:
    assert "damaged" in refusal(packed(("bank.yaml", YAML))[:cut])


def test_a_zip_whose_content_does_not_match_is_refused() -> None:
    content = bytearray(packed(("bank.yaml", YAML), method=zipfile.ZIP_STORED))
    content[content.index(b"subject")] ^= 1
    assert "damaged" in refusal(bytes(content))

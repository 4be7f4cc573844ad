"""What the members of a YAML or JSON bank file mean."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from protocols.messages import BankFormat, EntryError, Slug, Subject, Titled, Topic
from storage.banks.faults import did_you_mean, faults
from storage.banks.file import BankFile, BankFileError, Entry, place, shown
from storage.banks.tree import Item, Tree, Unsettled, settle, settle_question

_HEAD = ("subject", "title", "topics", "questions")
_DECLARATION = tuple(Subject.model_fields)
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)
_TOPICS: TypeAdapter[list[Topic]] = TypeAdapter(list[Topic])

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")


def bank_of(tree: Tree, format: BankFormat) -> BankFile:
    """The bank, or the declared subject, that a file's values spell. Raises `BankFileError`."""
    if tree.items is None and "questions" not in tree.members and "slug" in tree.members:
        return BankFile(format=format, declaration=_declaration(tree))
    members = _settled(tree, _HEAD)
    if tree.items is None:
        if tree.lines.get("questions") is None:
            raise BankFileError("the file has no `questions`; a bank file holds `subject` and a list of `questions`")
        raise BankFileError(f"line {tree.lines['questions']}: `questions` must be a list of questions")
    subject = members.get("subject")
    title = members.get("title")
    entries: list[Entry] = []
    errors: list[EntryError] = []
    for item in tree.items:
        _take(item, entries, errors)
    return BankFile(
        format=format,
        subject=None if subject is None else _valid(tree, "subject", _SLUG, subject),
        title=None if title is None else _valid(tree, "title", TypeAdapter(Titled), {"title": title}).title,
        topics=_valid(tree, "topics", _TOPICS, members.get("topics") or []),
        entries=entries,
        errors=errors,
    )


def _settled(tree: Tree, known: tuple[str, ...]) -> dict[str, JsonValue]:
    settled: dict[str, JsonValue] = {}
    for name, member in tree.members.items():
        line = tree.lines[name]
        if name not in known:
            saying = f"unknown field {shown(name)}; {did_you_mean(name, known)}"
            raise BankFileError(f"line {line}: {saying}", [EntryError(where=f"line {line}", path=name, message=saying)])
        try:
            settled[name] = settle(member, typed=name == "extra")
        except Unsettled as error:
            raise BankFileError(f"line {line}: `{error.within(name).path}`: {error.message}") from None
    return settled


def _declaration(tree: Tree) -> Subject:
    members: dict[str, JsonValue] = {
        name: member for name, member in _settled(tree, _DECLARATION).items() if member is not None
    }
    try:
        return Subject.model_validate(members)
    except ValidationError as error:
        raise _refused(tree, "", error, members) from None


def _valid(tree: Tree, name: str, adapter: TypeAdapter[Value], value: JsonValue) -> Value:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise _refused(tree, name, error, value) from None


def _refused(tree: Tree, name: str, error: ValidationError, value: JsonValue) -> BankFileError:
    errors = []
    for path, message in faults(error):
        whole = ".".join(part for part in (name if path.split(".")[0] != name else "", path) if part)
        line = tree.lines.get(whole.split(".")[0], 1)
        errors.append(EntryError(where=f"line {line}", path=whole, message=message))
    first = errors[0]
    return BankFileError(f"{first.where}: `{first.path}`: {first.message}", errors)


def _take(item: Item, entries: list[Entry], errors: list[EntryError]) -> None:
    if not isinstance(item.value, dict):
        message = f"a question must be a mapping with `id`, `kind`, `text` and so on, not {shown(item.value)}"
        errors.append(EntryError(where=f"line {item.line}", path="", message=message))
        return
    where = place(item.line, item.value.get("id"))
    if item.problem is not None:
        errors.append(EntryError(where=where, path="", message=item.problem))
        return
    try:
        entries.append(Entry(where, settle_question(item.value)))
    except Unsettled as error:
        errors.append(EntryError(where=where, path=error.path, message=error.message))

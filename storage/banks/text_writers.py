"""Questions as YAML, JSON, GIFT and Moodle XML, one after the other, so that a bank of any size can be written.

A question is its content as in a bank file. What a format has no place for is left out; whoever writes a bank reads
back what was written, and tells what was lost (`storage.banks.export`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

import orjson
import yaml
from pydantic import JsonValue

from protocols.messages import Subject, Topic
from storage.banks.answers import pattern_of
from storage.banks.markup import to_markdown
from storage.banks.naming import tags_of

Question = dict[str, JsonValue]
Picture = Callable[[str], bytes]  # the content of the picture that an image names


class Unwritable(Exception):
    """A question that the format has no way to say; says why."""


class Writer(Protocol):
    """One file in the making."""

    separator: str

    def head(self, subject: Subject) -> str: ...

    def question(self, question: Question) -> str:
        """Raises `Unwritable`."""
        ...

    def remark(self, text: str) -> str:
        """A comment in place of a question; empty where the format has none."""
        ...

    def tail(self) -> str: ...


# --- YAML and JSON --------------------------------------------------------------------------------------------

_LIKE_A_NUMBER = re.compile(r"[-+]?[0-9.][0-9_.eE+-]*|true|false|null|~|")


class _Dumper(yaml.CSafeDumper):
    """Quotes what could be taken for something else than text, and keeps paragraphs apart."""


def _represent(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _LIKE_A_NUMBER.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


class Yaml:
    separator = ""

    def __init__(self) -> None:
        self._empty = True

    def head(self, subject: Subject) -> str:
        return _yaml(_heading(subject)) + "questions:\n"

    def question(self, question: Question) -> str:
        self._empty = False
        return _yaml([question])

    def remark(self, text: str) -> str:
        return ""

    def tail(self) -> str:
        return "  []\n" if self._empty else ""


def _yaml(value: object) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110))


class Json:
    separator = ",\n"

    def head(self, subject: Subject) -> str:
        return _json(_heading(subject))[:-1] + ',"questions":[\n'

    def question(self, question: Question) -> str:
        return _json(question)

    def remark(self, text: str) -> str:
        return ""

    def tail(self) -> str:
        return "\n]}\n"


def _json(value: object) -> str:
    # JSON may hold these as they are, a bank file may not.
    return re.sub("[\x7f\ufffe\uffff]", lambda one: f"\\u{ord(one[0]):04x}", orjson.dumps(value).decode())


def _heading(subject: Subject) -> dict[str, object]:
    topics = [{"slug": topic.slug, "title": topic.title} for topic in subject.topics]
    return {"subject": subject.slug, "title": subject.title, "topics": topics}


# --- What GIFT and Moodle XML share ---------------------------------------------------------------------------


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _all(value: JsonValue) -> list[Question]:
    """The choices or accepted answers that a member lists."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _percent(weight: JsonValue) -> str:
    """A share in percent, exactly."""
    assert isinstance(weight, (int, float))
    return format(Decimal(repr(float(weight))).scaleb(2).normalize(), "f")


def _short_percent(weight: JsonValue) -> str:
    """A share in percent with as many digits as GIFT takes."""
    return _clipped(_percent(weight))


def _clipped(percent: str) -> str:
    return f"{float(percent):.10f}".rstrip("0").rstrip(".")


def _shares(question: Question) -> Iterator[str]:
    """The percentage of each option, where a question of `multiple` has no weights."""
    options = _all(question["options"])
    key = question["key"]
    assert isinstance(key, list)
    if any("weight" in option for option in options):
        yield from (_percent(option.get("weight", 0)) for option in options)
        return
    share = f"{100 / max(len(key), 1):.10f}".rstrip("0").rstrip(".")
    yield from (share if option["id"] in key else f"-{share}" for option in options)


def _ranks(question: Question) -> dict[str, int]:
    """The places of options in the key, where these are not in the order of the options."""
    key = question["key"]
    assert isinstance(key, list)
    if key == [option["id"] for option in _all(question["options"]) if option["id"] in key]:
        return {}
    return {_text(own_id): at for at, own_id in enumerate(key)}


def _accepted(question: Question) -> tuple[list[Question], Question]:
    """The accepted answers of `text` or `number` and the whole key."""
    key = question["key"]
    assert isinstance(key, dict)
    return ([key] if "value" in key or "min" in key else _all(key.get("accept"))), key


def _wildcards(pattern: JsonValue) -> str | None:
    """A pattern as Moodle's wildcards; None where it is more than that."""
    if not isinstance(pattern, str):
        return None
    parts = [re.sub(r"\\(.)", r"\1", part).replace("*", "\\*") for part in pattern.split(".*")]
    text = "*".join(parts)
    return text if pattern_of(text) == pattern and "*" in text.replace("\\*", "") else None


def _topics(subject: Subject) -> Mapping[str, Topic]:
    return {topic.slug: topic for topic in subject.topics}


# --- GIFT -----------------------------------------------------------------------------------------------------


class Gift:
    separator = "\n"

    def __init__(self) -> None:
        self._topics: Mapping[str, Topic] = {}
        self._topic = ""

    def head(self, subject: Subject) -> str:
        self._topics, self._topic = _topics(subject), ""
        return f"// {subject.slug}\n\n"

    def question(self, question: Question) -> str:
        answers = self._answers(question)
        lines: list[str] = []
        topic = _text(question["topic"])
        if topic != self._topic:
            self._topic = topic
            title = self._topics[topic].title_in("ru") if topic in self._topics else topic
            lines += [f"// [id:{topic}]", f"$CATEGORY: top/{title.replace('/', '//')}", ""]
        lines.append(f"// [id:{_bracket(question['id'])}]")
        lines += [f"// [tag:{_bracket(tag)}]" for tag in tags_of(question)]
        explanation = question.get("explanation")
        if explanation:
            answers += f"\n####{_sign(_text(explanation))}"
        title, text = _sign(_text(question["id"])), _sign(_text(question["text"]))
        lines.append(f"::{title}::[markdown]{_gift_picture(question)}{text} {{")
        return "\n".join([*lines, answers, "}", ""])

    def remark(self, text: str) -> str:
        return "// " + " ".join(text.split()) + "\n"

    def tail(self) -> str:
        return ""

    def _answers(self, question: Question) -> str:
        match question["kind"]:
            case "single":
                return "\n".join(self._single(question))
            case "multiple":
                options = _all(question["options"])
                return "\n".join(
                    f"~%{_clipped(share)}%{_gift_choice(option)}"
                    for share, option in zip(_shares(question), options, strict=True)
                )
            case "text":
                accepted = "\n".join(self._accepted_texts(question))
                _refuse_arrow(accepted)
                return accepted
            case "number":
                return "#\n" + "\n".join(self._numbers(question))
            case "match":
                return "\n".join(self._pairs(question))
        raise Unwritable("GIFT has no questions of putting things in order")

    def _single(self, question: Question) -> Iterator[str]:
        for option in _all(question["options"]):
            sign = "=" if option["id"] == question["key"] else "~"
            weight = f"%{_short_percent(option['weight'])}%" if "weight" in option else ""
            yield sign + weight + _gift_choice(option)

    def _accepted_texts(self, question: Question) -> Iterator[str]:
        accept, key = _accepted(question)
        wildcards = _wildcards(key.get("pattern"))
        if not accept and wildcards is None:
            raise Unwritable("GIFT has no patterns, and no other answer is accepted")
        for one in accept:
            weight = f"%{_short_percent(one['weight'])}%" if "weight" in one else ""
            text = _text(one["text"]).replace("*", "\\*")
            yield f"={weight}{_sign(text)}{_gift_feedback(one)}"
        if wildcards is not None:
            yield f"={_sign(wildcards)}"

    def _numbers(self, question: Question) -> Iterator[str]:
        for one in _accepted(question)[0]:
            weight = f"%{_short_percent(one['weight'])}%" if "weight" in one else ""
            yield f"={weight}{_gift_number(one)}{_gift_feedback(one)}"

    def _pairs(self, question: Question) -> Iterator[str]:
        key = question["key"]
        assert isinstance(key, dict)
        right = {_text(choice["id"]): _text(choice["text"]) for choice in _all(question["right"])}
        for choice in _all(question["left"]):
            offered = right[_text(key[_text(choice["id"])])]
            _refuse_arrow(_text(choice["text"]))
            yield f"={_gift_picture(choice)}{_sign(_text(choice['text']))} -> {_sign(offered)}"
        used = set(key.values())
        yield from (f"= -> {_sign(text)}" for own_id, text in right.items() if own_id not in used)


def _bracket(text: JsonValue) -> str:
    return " ".join(_text(text).replace("]", "\\]").split("\n"))


def _sign(text: str) -> str:
    """Text in which GIFT's signs mean themselves, on one line."""
    return re.sub(r"[~=#{}:\\]", r"\\\g<0>", text).replace("\n", "\\n")


def _refuse_arrow(text: str) -> None:
    """It cannot be escaped. Raises `Unwritable`."""
    if "->" in text:
        raise Unwritable("GIFT takes the `->` in it for a pair")


def _gift_picture(choice: Question) -> str:
    return f"![](@@PLUGINFILE@@/{_text(choice['image'])})" if "image" in choice else ""


def _gift_choice(option: Question) -> str:
    return _gift_picture(option) + _sign(_text(option["text"])) + _gift_feedback(option)


def _gift_feedback(answer: Question) -> str:
    return f"#{_sign(_text(answer['feedback']))}" if answer.get("feedback") else ""


def _gift_number(one: Question) -> str:
    if "min" in one:
        return f"{_plain(one['min'])}..{_plain(one['max'])}"
    tolerance = one.get("tolerance")
    return _plain(one["value"]) + (f":{_plain(tolerance)}" if tolerance else "")


def _plain(value: JsonValue) -> str:
    assert isinstance(value, (int, float))
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))


# --- Moodle XML -----------------------------------------------------------------------------------------------

_TYPES = {
    "single": "multichoice",
    "multiple": "multichoice",
    "text": "shortanswer",
    "number": "numerical",
    "match": "matching",
    "order": "ordering",
}
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FORMULA = re.compile(r"\$([^\s$](?:[^$\n]*[^\s$])?)\$(?!\d)")


class MoodleXml:
    separator = ""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._topics: Mapping[str, Topic] = {}
        self._topic = ""

    def head(self, subject: Subject) -> str:
        self._topics, self._topic = _topics(subject), ""
        return '<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n'

    def question(self, question: Question) -> str:
        kind = _text(question["kind"])
        parts = [
            self._category(_text(question["topic"])),
            f'<question type="{_TYPES[kind]}">',
            f"<name>{_words(question['id'])}</name>",
            f"<questiontext {self._rich(question)}</questiontext>",
            f"<idnumber>{_xml(_text(question['id']))}</idnumber>",
        ]
        if question.get("explanation"):
            parts.append(f"<generalfeedback {_formatted(_text(question['explanation']))}</generalfeedback>")
        tags = tags_of(question)
        if tags:
            parts.append(f"<tags>{''.join(f'<tag>{_words(tag)}</tag>' for tag in tags)}</tags>")
        parts += self._answers(kind, question)
        parts.append("</question>\n")
        return "\n".join(filter(None, parts))

    def remark(self, text: str) -> str:
        return f"<!-- {' '.join(_xml(text).replace('--', '- -').split())} -->\n"

    def tail(self) -> str:
        return "</quiz>\n"

    def _category(self, topic: str) -> str:
        if topic == self._topic:
            return ""
        self._topic = topic
        title = self._topics[topic].title_in("ru") if topic in self._topics else topic
        path = "top/" + title.replace("/", "//")
        return f'<question type="category"><category>{_words(path)}</category><idnumber>{topic}</idnumber></question>'

    def _rich(self, choice: Question) -> str:
        """Attributes and content of an element with a text and perhaps a picture."""
        text = _text(choice["text"])
        if "image" not in choice:
            return _formatted(text)
        name = _text(choice["image"]).rpartition("/")[2]
        content = base64.b64encode(self._picture(_text(choice["image"]))).decode()
        file = f'<file name={quoteattr(name)} path="/" encoding="base64">{content}</file>'
        return f'format="markdown">{_words(f"![](@@PLUGINFILE@@/{name})" + text)}{file}'

    def _answers(self, kind: str, question: Question) -> Iterator[str]:
        match kind:
            case "single":
                yield f"<single{_weights(question)}>true</single>"
                for option in _all(question["options"]):
                    right = 1 if option["id"] == question["key"] else 0
                    yield self._answer(option, _percent(option.get("weight", right)))
            case "multiple":
                yield f"<single{_weights(question)}>false</single>"
                ranks = _ranks(question)
                for option, share in zip(_all(question["options"]), _shares(question), strict=True):
                    rank = ranks.get(_text(option["id"]))
                    yield self._answer(option, share, "" if rank is None else f' place="{rank}"')
            case "text":
                yield from _short_answers(question)
            case "number":
                yield from (_numerical(one) for one in _accepted(question)[0])
            case "order":
                yield from self._ordering(question)
            case _:
                yield from self._pairs(question)

    def _answer(self, option: Question, fraction: str, more: str = "") -> str:
        own_id = quoteattr(_xml_characters(_text(option["id"])))
        inner = self._rich(option) + _feedback(option)
        return f'<answer fraction="{fraction}" id={own_id}{more} {inner}</answer>'

    def _ordering(self, question: Question) -> Iterator[str]:
        yield "<layouttype>VERTICAL</layouttype><selecttype>ALL</selecttype><selectcount>0</selectcount>"
        yield "<gradingtype>RELATIVE_NEXT_EXCLUDE_LAST</gradingtype>"
        key = question["key"]
        assert isinstance(key, list)
        options = {option["id"]: (at, option) for at, option in enumerate(_all(question["options"]))}
        for rank, own_id in enumerate(key, 1):
            at, option = options[own_id]
            yield self._answer(option, str(rank), f' place="{at}"')

    def _pairs(self, question: Question) -> Iterator[str]:
        key = question["key"]
        assert isinstance(key, dict)
        right = {choice["id"]: (at, choice) for at, choice in enumerate(_all(question["right"]))}
        for choice in _all(question["left"]):
            own_id = quoteattr(_xml_characters(_text(choice["id"])))
            at, other = right[key[_text(choice["id"])]]
            yield f"<subquestion id={own_id} {self._rich(choice)}{self._offered(at, other)}</subquestion>"
        used = set(key.values())
        for own, (at, other) in right.items():
            if own not in used:
                yield f'<subquestion format="html"><text></text>{self._offered(at, other)}</subquestion>'

    def _offered(self, at: int, choice: Question) -> str:
        own_id = quoteattr(_xml_characters(_text(choice["id"])))
        return f'<answer id={own_id} place="{at}" {self._rich(choice)}</answer>'


def _weights(question: Question) -> str:
    return ' weights="1"' if all("weight" in option for option in _all(question["options"])) else ""


def _short_answers(question: Question) -> Iterator[str]:
    accept, key = _accepted(question)
    yield f"<usecase>{int(bool(key.get('case_sensitive')))}</usecase>"
    for one in accept:
        said = _words(_text(one["text"]).replace("*", "\\*"))
        yield f'<answer fraction="{_percent(one.get("weight", 1))}" format="plain_text">{said}{_feedback(one)}</answer>'
    if key.get("pattern"):
        wildcards = _wildcards(key["pattern"])
        if wildcards is not None:
            yield f'<answer fraction="100" format="plain_text">{_words(wildcards)}</answer>'
        else:
            yield f"<pattern>{_xml(_text(key['pattern']))}</pattern>"


def _numerical(one: Question) -> str:
    if "min" in one:
        low, high = one["min"], one["max"]
        assert isinstance(low, (int, float))
        assert isinstance(high, (int, float))
        value, tolerance = _plain((low + high) / 2), _plain((high - low) / 2)
        more = f' min="{_plain(low)}" max="{_plain(high)}"'
    else:
        value, tolerance, more = _plain(one["value"]), _plain(one.get("tolerance", 0)), ""
    return (
        f'<answer fraction="{_percent(one.get("weight", 1))}" format="plain_text"{more}><text>{value}</text>'
        f"<tolerance>{tolerance}</tolerance>{_feedback(one)}</answer>"
    )


def _feedback(answer: Question) -> str:
    return f"<feedback {_formatted(_text(answer['feedback']))}</feedback>" if answer.get("feedback") else ""


def _formatted(text: str) -> str:
    """As HTML where formulas must reach Moodle's filter unharmed, and that says the same; else as Markdown."""
    if "$" in text:
        html = _as_html(text)
        if to_markdown(html, "html") == text:
            return f'format="html">{_words(html)}'
    return f'format="markdown">{_words(text)}'


def _as_html(text: str) -> str:
    formulas: list[str] = []

    def hold(found: re.Match[str]) -> str:
        formulas.append(escape(found[1]))
        return f"\x00{len(formulas) - 1}\x00"

    html = escape(_FORMULA.sub(hold, text))
    html = re.sub(r"\*\*([^*\n]+)\*\*", r"<b>\1</b>", html)
    html = re.sub(r"(?<!\*)\*([^*\n]+)\*(?!\*)", r"<i>\1</i>", html)
    html = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html)
    html = html.replace("  \n", "<br>")
    html = "".join(f"<p>{part}</p>" for part in html.split("\n\n"))
    return re.sub("\x00([0-9]+)\x00", lambda found: f"\\({formulas[int(found[1])]}\\)", html)


def _words(text: JsonValue) -> str:
    return f"<text>{_xml(_text(text))}</text>"


def _xml(text: str) -> str:
    return escape(_xml_characters(text)).replace("\r", "&#13;")


def _xml_characters(text: str) -> str:
    return _NOT_XML.sub("", text)

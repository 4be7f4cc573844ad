"""Reading Moodle XML: https://docs.moodle.org/en/Moodle_XML_format.

What its types of question become:

    multichoice, multichoiceset, oumultiresponse      single, or multiple with weights
    truefalse                                         single
    shortanswer                                       text; `*` becomes a pattern
    numerical                                         number with tolerances; units are left out, with a warning
    matching (match in old files), ddmatch            match
    ordering                                          order
    gapselect, ddwtos                                 match of numbered gaps and words; single where there is one gap
    multianswer, cloze                                what its gap is, where it has only one

All others, and what is hidden in Moodle, are skipped with their reasons. Penalties, marks, hints and the feedback for
the question as a whole have no place here and are left out; so are pictures beyond the first of a text, with a
warning. `idnumber` is the id, the category the topic. Attributes and elements that only this program writes (`id`,
`place`, `min`, `max` of an answer; `weights` of `single`; `pattern`) are ignored by Moodle.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from pydantic import JsonValue

from protocols.messages import EntryError, SkippedEntry, Topic
from storage.banks.answers import (
    WHOLE,
    Accepted,
    letter,
    number,
    number_key,
    put_weights,
    several,
    text_key,
    true_or_false,
)
from storage.banks.cloze import one_gap
from storage.banks.file import MAX_QUESTIONS, BankFile, BankFileError, QuestionFault, place, shown
from storage.banks.inline import take_pictures
from storage.banks.markup import TextFormat, to_markdown, to_plain
from storage.banks.naming import GENERAL, Unnamed, id_of, named, take_tags, topic_of
from storage.banks.pictures import picture_name
from storage.banks.slugs import digest
from storage.banks.xml_tree import Element, read_xml

_FORMATS: dict[str, TextFormat] = {
    "html": "html",
    "moodle_auto_format": "moodle",
    "plain_text": "plain",
    "markdown": "markdown",
}
_GAP = re.compile(r"\[\[\s*([0-9]{1,3})\s*\]\]")
_UNGRADABLE = {
    "essay": "an essay: a machine cannot grade it",
    "essayautograde": "an essay: a machine cannot grade it",
    "description": "a description: there is nothing to answer",
    "recordrtc": "a recording: a machine cannot grade it",
    "calculated": "its numbers are drawn anew for each student by a formula; write one variant as a numerical question",
    "calculatedsimple": "its numbers are drawn anew for each student by a formula; write one variant as numerical",
    "calculatedmulti": "its numbers are drawn anew for each student by a formula; write one variant as multiple choice",
    "ddimageortext": "things are dragged onto a picture, and there is no kind of question for that",
    "ddmarker": "markers are dragged onto a picture, and there is no kind of question for that",
    "random": "it stands for a question drawn from a category; import that category itself",
    "randomsamatch": "it is drawn from other short-answer questions; import those themselves",
    "missingtype": "its type is missing in the Moodle that it comes from",
}

Question = dict[str, JsonValue]


class _Skipped(Exception):
    """A question that there is no kind for; says why."""


def looks_like_moodle_xml(text: str) -> bool:
    # Comments are taken as they come (`*+`): to try them together in all ways takes for ever.
    return re.match(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*+<quiz[\s>/]", text, re.DOTALL) is not None


def read_moodle_xml(text: str) -> BankFile:
    """The questions of a Moodle XML file. One that makes no sense is an error and does not spoil the others.

    Raises `BankFileError` where it is not XML at all, and for what no honest XML holds.
    """
    reader = _Reader()
    read_xml(text, "quiz", reader.take)
    return BankFile(
        format="moodle-xml",
        topics=list(reader.topics.values()),
        entries=named(reader.read, reader.skipped, "moodle"),
        skipped=reader.skipped,
        errors=reader.errors,
        warnings=reader.warnings,
        derived=True,
        pictures=reader.pictures,
    )


class _Reader:
    """Takes one element after the other."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.read: list[Unnamed] = []
        self.skipped: list[SkippedEntry] = []
        self.errors: list[EntryError] = []
        self.warnings: list[EntryError] = []
        self.pictures: dict[str, bytes] = {}
        self._topic = GENERAL
        self._count = 0

    def take(self, element: Element) -> None:
        if element.name != "question":
            message = f"<{element.name[:40]}> is unknown here; a quiz holds only <question>"
            self.errors.append(EntryError(where=place(element.line, None), path="", message=message))
            return
        kind = element.attributes.get("type", "")
        if kind == "category":
            self._topic = topic_of(element.said("category"), element.said("idnumber") or None)
            return
        self._count += 1
        if self._count > MAX_QUESTIONS:
            raise BankFileError(f"line {element.line}: more than {MAX_QUESTIONS} questions; split the file")
        own_id = id_of(element.said("idnumber") or None)
        where = place(element.line, own_id)
        draft = _Draft(element)
        try:
            question = draft.question(kind)
        except _Skipped as reason:
            self.skipped.append(SkippedEntry(where=where, reason=str(reason)))
            return
        except QuestionFault as fault:
            self.errors.append(EntryError(where=where, path=fault.path, message=fault.message))
            return
        self.topics.setdefault(self._topic.slug, self._topic)
        self.pictures |= draft.pictures
        self.warnings += [EntryError(where=where, path=path, message=told) for path, told in draft.warnings]
        take_tags(question, [tag.words for tag in _tags(element)])
        self.read.append(
            Unnamed(
                line=element.line,
                title=to_plain(element.said("name"), "html"),
                digest=digest("\n".join([kind, *_texts(element)])) if own_id is None else "",
                own_id=own_id,
                topic=self._topic.slug,
                question=question,
            )
        )


def _tags(element: Element) -> Iterable[Element]:
    tags = element.child("tags")
    return () if tags is None else tags.all("tag")


def _texts(element: Element) -> Iterable[str]:
    """All that an element says, without the spaces around it."""
    for child in element.children:
        if child.name != "file":
            if child.content.strip():
                yield child.content.strip()
            yield from _texts(child)


class _Draft:
    """One question on its way. `pictures` and `warnings` are what came along."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self.pictures: dict[str, bytes] = {}
        self.warnings: list[tuple[str, str]] = []

    def question(self, kind: str) -> Question:
        """Raises `_Skipped`, `QuestionFault`."""
        if kind in _UNGRADABLE:
            raise _Skipped(_UNGRADABLE[kind])
        if self._element.said("hidden") == "1":
            raise _Skipped("it is hidden in Moodle, which means deleted, or an old version")
        text, image = self._rich(self._element.child("questiontext"), "text")
        image = image or self._old_image()
        if not text:
            text = to_markdown(self._element.said("name"), "plain")
        if not text and image is None:
            raise QuestionFault("the question has no text; write what is asked in <questiontext>", "text")
        question: Question = {"text": text}
        if image is not None:
            question["image"] = image
        match kind:
            case "multichoice" | "multichoiceset" | "oumultiresponse":
                question |= self._choices(kind)
            case "truefalse":
                question |= self._true_false()
            case "shortanswer":
                question |= self._short_answer()
            case "numerical":
                question |= self._numerical()
            case "matching" | "match" | "ddmatch":
                question |= self._matching()
            case "ordering":
                question |= self._ordering()
            case "gapselect" | "ddwtos":
                question |= self._gaps(text)
            case "multianswer" | "cloze":
                question |= self._cloze()
            case "":
                raise QuestionFault('the question has no type; write <question type="multichoice">', "kind")
            case _:
                raise _Skipped(f"Moodle's type {shown(kind)} is none that a question here can be")
        explanation, _ = self._rich(self._element.child("generalfeedback"), "explanation", pictures=False)
        if explanation:
            question["explanation"] = explanation
        return question

    # --- Texts ------------------------------------------------------------------------------------------------

    def _rich(self, element: Element | None, path: str, *, pictures: bool = True) -> tuple[str, str | None]:
        """Markdown, and the name of the picture in it: of several the first, with a warning."""
        if element is None:
            return "", None
        format = _FORMATS.get(element.attributes.get("format", "html"), "html")
        said, found = take_pictures(element.words, format)
        text = to_markdown(said, format)
        if not pictures:
            if found:
                self.warnings.append((path, "pictures are not shown here; they were left out"))
            return text, None
        if len(found) > 1:
            self.warnings.append((path, f"one picture is shown here; of {len(found)} the first was kept"))
        return text, self._picture(found[0], element, path) if found else None

    def _old_image(self) -> str | None:
        """The picture that Moodle 1.9 had beside the text and not in it."""
        encoded = self._element.said("image_base64")
        if encoded:
            return self._picture(f"data:;base64,{encoded}", self._element, "image")
        if self._element.said("image"):
            self.warnings.append(("image", "its picture did not come with the file; it was left out"))
        return None

    def _picture(self, source: str, element: Element, path: str) -> str:
        """The name of a picture that is among the files of `element`."""
        if source.startswith("data:"):
            head, _, encoded = source.partition(",")
            name, wanted = f"{element.line}/embedded", encoded if head.endswith(";base64") else ""
        else:
            name = f"{element.line}/{source}"
            file = next((one for one in element.all("file") if _path_of(one) == picture_name(source)), None)
            if file is None:
                raise QuestionFault(f"the picture {shown(source)} is shown, but there is no <file> with it", path)
            wanted = file.content
        try:
            self.pictures[picture_name(name)] = base64.b64decode("".join(wanted.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise QuestionFault(f"the picture {shown(source[:60])} is not valid base64: {error}", path) from None
        return name

    def _feedback(self, element: Element) -> str:
        return self._rich(element.child("feedback"), "feedback", pictures=False)[0]

    # --- Kinds ------------------------------------------------------------------------------------------------

    def _options(self) -> list[tuple[Element, Question]]:
        options: list[tuple[Element, Question]] = []
        for at, answer in enumerate(self._element.all("answer")):
            text, image = self._rich(answer, f"options.{at}")
            if not text and image is None:
                raise QuestionFault("an <answer> without text; write what can be chosen", f"options.{at}")
            option: Question = {"id": answer.attributes.get("id") or letter(at), "text": text}
            if image is not None:
                option["image"] = image
            if feedback := self._feedback(answer):
                option["feedback"] = feedback
            options.append((answer, option))
        if len(options) < 2:
            raise QuestionFault(f"{len(options)} answers; offer at least two <answer>", "options")
        return options

    def _choices(self, kind: str) -> Question:
        pairs = self._options()
        options = [option for _, option in pairs]
        weights = [_fraction(answer) for answer, _ in pairs]
        if kind == "multichoice" and self._element.said("single") not in ("false", "0"):
            rights = [at for at, weight in enumerate(weights) if weight >= WHOLE]
            if not rights:
                told = f"the best answer gives {max(weights) * 100:g}%; one must give 100%"
                raise QuestionFault(told, "key")
            if (
                self._weighted()
                or len(rights) > 1
                or any(weight != 0 and at != rights[0] for at, weight in enumerate(weights))
            ):
                put_weights(options, weights)
            return {"kind": "single", "options": list[JsonValue](options), "key": options[rights[0]]["id"]}
        if kind != "multichoice":  # of these two types a fraction says right or wrong, and the type how that counts
            right = [option for option, weight in zip(options, weights, strict=True) if weight > 0]
            chosen: list[JsonValue] = [option["id"] for option in right]
            if not chosen:
                raise QuestionFault("no right answer; give one of the answers a fraction above 0", "key")
            return {"kind": "multiple", "options": list[JsonValue](options), "key": chosen}
        question = several(options, weights)
        if self._weighted():
            put_weights(options, weights)
        ranks = {str(option["id"]): _place_of(answer.attributes, 0) for answer, option in pairs}
        if isinstance(question["key"], list):
            question["key"].sort(key=lambda own_id: ranks[str(own_id)])
        return question

    def _weighted(self) -> bool:
        """Whether the fractions are weights, though they say no more than what is right."""
        single = self._element.child("single")
        return single is not None and single.attributes.get("weights") == "1"

    def _true_false(self) -> Question:
        truth: bool | None = None
        feedback: dict[bool, str] = {}
        for answer in self._element.all("answer"):
            word = answer.words.lower()
            if word not in ("true", "false"):
                raise QuestionFault(f"{shown(word[:40])} is neither true nor false", "options")
            feedback[word == "true"] = self._feedback(answer)
            if _fraction(answer) >= WHOLE:
                if truth is not None:
                    raise QuestionFault("both answers are right; one must have the fraction 0", "key")
                truth = word == "true"
        if truth is None:
            raise QuestionFault('no right answer; give one the fraction 100, as <answer fraction="100">', "key")
        return true_or_false(truth, feedback)

    def _short_answer(self) -> Question:
        accepted = []
        for answer in self._element.all("answer"):
            format = _FORMATS.get(answer.attributes.get("format", "moodle_auto_format"), "plain")
            text = to_plain(answer.words, format)
            accepted.append(Accepted(text, _fraction(answer), self._feedback(answer)))
        pattern = self._element.said("pattern")
        key: Question = text_key(accepted) if accepted or not pattern else {"accept": []}
        if pattern:
            key["pattern"] = pattern
        if self._element.said("usecase") == "1":
            key["case_sensitive"] = True
        return {"kind": "text", "key": key}

    def _numerical(self) -> Question:
        accepted = []
        for answer in self._element.all("answer"):
            written = answer.words
            if written == "*":
                continue  # only what is told to those who are wrong
            numbers = _numbers(answer, written)
            accepted.append((numbers, _fraction(answer), self._feedback(answer)))
        if not accepted:
            raise QuestionFault("no number is accepted; write one in an <answer>", "key")
        if self._element.said("unitgradingtype") in ("1", "2"):
            self.warnings.append(("key", "the unit is graded in Moodle and not asked for here; name it in the text"))
        return {"kind": "number", "key": number_key(accepted)}

    def _matching(self) -> Question:
        left: list[JsonValue] = []
        rights = _Rights()
        key: Question = {}
        for at, pair in enumerate(self._element.all("subquestion")):
            answer = pair.child("answer")
            if answer is None:
                raise QuestionFault("a <subquestion> without its <answer>", f"left.{at}")
            rich = self._element.attributes.get("type") == "ddmatch" or "format" in answer.attributes
            text, image = self._rich(answer, "right") if rich else self._rich(_as_plain(answer), "right")
            if not text and image is None:
                raise QuestionFault("the <answer> of a <subquestion> is empty", "right")
            offered = rights.add(text, image, answer.attributes)
            said, picture = self._rich(pair, f"left.{at}")
            if said or picture is not None:
                one: Question = {"id": pair.attributes.get("id") or f"l{len(left) + 1}", "text": said}
                if picture is not None:
                    one["image"] = picture
                left.append(one)
                key[str(one["id"])] = offered
        if not left or len(rights.listed()) < 2:
            raise QuestionFault("at least two pairs are needed, each in a <subquestion>", "left")
        return {"kind": "match", "left": left, "right": rights.listed(), "key": key}

    def _ordering(self) -> Question:
        pairs = sorted(self._options(), key=lambda pair: _decimal(pair[0].attributes.get("fraction", "0"), "options"))
        key: list[JsonValue] = [option["id"] for _, option in pairs]
        options = [option for _, option in sorted(pairs, key=_place)]
        for option in options:
            option.pop("weight", None)
        return {"kind": "order", "options": list[JsonValue](options), "key": key}

    def _gaps(self, text: str) -> Question:
        names = ("selectoption", "dragbox")
        words = [box for box in self._element.children if box.name in names]
        gaps = [int(found) for found in _GAP.findall(text)]
        if not gaps:
            raise QuestionFault("no gap; write [[1]] where the first word belongs", "text")
        missing = next((gap for gap in gaps if not 1 <= gap <= len(words)), None)
        if missing is not None:
            raise QuestionFault(f"the gap [[{missing}]] has no word; there are {len(words)}", "text")
        said = [to_markdown(word.words, "html") for word in words]
        groups = {word.said("group") or "1" for word in (words[gap - 1] for gap in gaps)}
        offered = [at for at, word in enumerate(words) if (word.said("group") or "1") in groups]
        if len(offered) < 2:
            raise QuestionFault("at least two words must be offered", "right")
        choices: list[JsonValue] = [{"id": letter(place), "text": said[at]} for place, at in enumerate(offered)]
        names_of = {at: letter(place) for place, at in enumerate(offered)}
        if len(gaps) == 1:
            answer = names_of[gaps[0] - 1]
            return {"kind": "single", "text": _GAP.sub("_____", text), "options": choices, "key": answer}
        numbered = iter(range(1, len(gaps) + 1))
        return {
            "kind": "match",
            "text": _GAP.sub(lambda _: f"({next(numbered)}) _____", text),
            "left": [{"id": f"l{at}", "text": f"({at})"} for at in range(1, len(gaps) + 1)],
            "right": choices,
            "key": {f"l{at}": names_of[gap - 1] for at, gap in enumerate(gaps, 1)},
        }

    def _cloze(self) -> Question:
        raw = self._element.child("questiontext")
        gap = one_gap("" if raw is None else raw.words)
        if isinstance(gap, str):
            raise _Skipped(gap)
        format = _FORMATS.get(raw.attributes.get("format", "html") if raw is not None else "html", "html")
        said, _ = take_pictures(gap.text, format)
        return {"text": to_markdown(said.strip(), format), **gap.answers}


class _Rights:
    """What is offered on the right: the same text is offered once, unless ids tell it apart."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str | None, str], tuple[int, Question]] = {}

    def add(self, text: str, image: str | None, attributes: dict[str, str]) -> str:
        own_id = attributes.get("id", "")
        identity = (text, image, own_id)
        if identity not in self._found:
            choice: Question = {"id": own_id or f"r{len(self._found) + 1}", "text": text}
            if image is not None:
                choice["image"] = image
            self._found[identity] = (_place_of(attributes, len(self._found)), choice)
        return str(self._found[identity][1]["id"])

    def listed(self) -> list[JsonValue]:
        return [choice for _, choice in sorted(self._found.values(), key=lambda pair: pair[0])]


def _as_plain(element: Element) -> Element:
    """An answer whose text has no format: Moodle takes it for plain."""
    return Element(element.name, element.line, {**element.attributes, "format": "plain_text"}, element.children)


def _place(pair: tuple[Element, Question]) -> int:
    return _place_of(pair[0].attributes, 0)


def _place_of(attributes: dict[str, str], otherwise: int) -> int:
    written = attributes.get("place", "")
    return int(written) if written.isdecimal() and len(written) < 4 else otherwise


def _path_of(file: Element) -> str:
    return picture_name((file.attributes.get("path", "/") + "/" + file.attributes.get("name", "")).lstrip("/"))


def _fraction(answer: Element) -> float:
    """The share of the score, from -1 to 1; old files have it in an element."""
    written = answer.attributes.get("fraction") or answer.said("fraction") or "0"
    share = _decimal(written, "key")
    if not -100 <= share <= 100:
        raise QuestionFault(f"the fraction {shown(written[:20])} is beyond 100 percent", "key")
    # Through decimal digits, so that what was written as percent is not a little off.
    return float(f"{share}e-2") if abs(share) >= 1e-4 else share / 100


def _decimal(written: str, path: str) -> float:
    try:
        return float(number(written.replace(",", ".")))
    except QuestionFault:
        raise QuestionFault(f"the fraction {shown(written[:40])} is not a number; write a percentage", path) from None


def _numbers(answer: Element, written: str) -> Question:
    value = number(written.replace(",", "."))
    tolerance = number((answer.said("tolerance") or "0").replace(",", "."))
    if "min" in answer.attributes and "max" in answer.attributes:
        low, high = number(answer.attributes["min"]), number(answer.attributes["max"])
        if (low + high) / 2 == value and (high - low) / 2 == tolerance:
            return {"min": low, "max": high}
    return {"value": value, "tolerance": abs(tolerance)} if tolerance else {"value": value}

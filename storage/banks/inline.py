"""Pictures that stand inside a text of Moodle: a question or an option here has one, beside its text."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

from storage.banks.markup import TextFormat

_HTML = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_SOURCE = re.compile(r"""\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
# What has no end is matched as well, as far as it goes: whatever begins within it would look for the same end in vain,
# and for the square of the length.
_MARKDOWN = re.compile(r"!\[[^\]\n]*+(?:\]\(\s*+<?+((?:@@PLUGINFILE@@/|data:image/)[^\s)>]++)>?+[^)\n]*+(?P<end>\))?)?")
_BESIDE = "@@PLUGINFILE@@/"


def take_pictures(text: str, format: TextFormat) -> tuple[str, list[str]]:
    """`text` without the pictures that come with it, and what these are called: a path, or a `data:` URI.

    A picture from elsewhere in the web stays where it is, and of it only its description will be kept.
    """
    found: list[str] = []

    def taken(source: str, whole: str) -> str:
        source = html.unescape(source).strip()
        if source.startswith(_BESIDE):
            found.append(unquote(source.removeprefix(_BESIDE).partition("?")[0]))
            return ""
        if source.startswith("data:image/"):
            found.append(source)
            return ""
        return whole

    def of_html(tag: re.Match[str]) -> str:
        source = _SOURCE.search(tag[0])
        return tag[0] if source is None else taken(source[1] or source[2] or source[3] or "", tag[0])

    if "![" in text and format in ("markdown", "plain"):
        text = _MARKDOWN.sub(lambda one: taken(one[1], one[0]) if one["end"] else one[0], text)
    if format != "plain" and "<" in text:
        end = text.rfind(">") + 1  # behind it no tag ends, which each that begins there would find out anew
        text = _HTML.sub(of_html, text[:end]) + text[end:]
    return text, found

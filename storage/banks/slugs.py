"""Slugs from titles in any language."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# fmt: off
_TABLE = str.maketrans({
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u",
    "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e",
    "ю": "yu", "я": "ya", "ё": "e", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u",
})
# fmt: on


def slug_of(title: str) -> str:
    """Lower-case Latin letters, digits and `-`, at most 64; empty where the title has none to offer.

    Cyrillic is transliterated, accents are dropped, everything else becomes a dash.
    """
    if not title:
        return ""
    # Composed first: `й` in two code points would lose its breve with the accents.
    text = unicodedata.normalize("NFC", title).lower().translate(_TABLE)
    text = unicodedata.normalize("NFKD", text)
    text = "".join(char for char in text if not unicodedata.combining(char))
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:64].rstrip("-")


def slug_or_hash(title: str, prefix: str) -> str:
    """`slug_of`, or `prefix` and a hash of the title where that is empty."""
    return slug_of(title) or f"{prefix}-{digest(title)}"


def digest(text: str) -> str:
    """Twelve hexadecimal digits that are the same for the same text, now and later."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]

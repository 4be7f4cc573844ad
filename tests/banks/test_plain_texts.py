"""Most texts hold no markup at all, and are not searched for each kind of it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.banks.markup import TextFormat, to_markdown

plain = st.text("абвёxyz019 .,;:!?()/+-='\"%@^|~{}№", min_size=1).filter(str.strip)


@pytest.mark.parametrize("format", get_args(TextFormat))
@given(text=plain)
def test_a_text_without_markup_is_the_same_by_itself_and_before_a_second_paragraph(
    format: TextFormat, text: str
) -> None:
    alone = to_markdown(text, format)
    assert alone == text.strip()
    assert to_markdown(f"{text.strip()}\n\n**z**", "markdown") == f"{alone}\n\n**z**"
    assert to_markdown(f"<p>{text.strip()}</p><p><b>z</b></p>", "html") == f"{alone}\n\n**z**"

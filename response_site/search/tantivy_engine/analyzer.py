"""Elasticsearch's ``standard`` analyzer: words by Unicode's rules (UAX #29), lower-cased.

The pattern is Lucene's ``StandardTokenizerImpl.jflex`` as one regular expression, so that both engines cut a text
into the same terms: ``B.C.`` is ``b.c``, ``1,000.50`` one word, ``don't`` one word, ``A-1`` two.
"""

from __future__ import annotations

from functools import cache

import tantivy

STANDARD = "standard"
KEYWORD = "raw"

_EXTEND = r"[\p{wb=Extend}\p{wb=Format}\p{wb=ZWJ}]*"
_LETTER = rf"[\p{{wb=ALetter}}\p{{wb=Hebrew_Letter}}]{_EXTEND}"
_HEBREW = rf"\p{{wb=Hebrew_Letter}}{_EXTEND}"
_NUMBER = rf"\p{{wb=Numeric}}{_EXTEND}"
_KATAKANA = rf"\p{{wb=Katakana}}{_EXTEND}"
_CONNECTOR = rf"\p{{wb=ExtendNumLet}}{_EXTEND}"
_MID_LETTER = rf"[\p{{wb=MidLetter}}\p{{wb=MidNumLet}}\p{{wb=Single_Quote}}]{_EXTEND}"
_MID_NUMBER = rf"[\p{{wb=MidNum}}\p{{wb=MidNumLet}}\p{{wb=Single_Quote}}]{_EXTEND}"
_SINGLE_QUOTE = rf"\p{{wb=Single_Quote}}{_EXTEND}"
_DOUBLE_QUOTE = rf"\p{{wb=Double_Quote}}{_EXTEND}"

_RUN = (
    rf"(?:{_KATAKANA}(?:(?:{_CONNECTOR})*{_KATAKANA})*"
    rf"|(?:{_HEBREW}(?:{_DOUBLE_QUOTE}{_HEBREW})+"
    rf"|{_NUMBER}(?:(?:(?:{_CONNECTOR})*|{_MID_NUMBER}){_NUMBER})*"
    rf"|{_LETTER}(?:(?:(?:{_CONNECTOR})*|{_MID_LETTER}){_LETTER})*"
    rf"|{_HEBREW}{_SINGLE_QUOTE})+)"
)
_WORD = rf"(?:{_CONNECTOR})*{_RUN}(?:(?:{_CONNECTOR})+{_RUN})*(?:{_CONNECTOR})*"
# Scripts without spaces: runs of South-East Asian letters stay whole, ideographs stand alone.
_COMPLEX = (
    r"(?:[\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Ahom}&&\p{L}]"
    rf"{_EXTEND})+"
)
_SINGLE = rf"[\p{{Han}}\p{{Hiragana}}\p{{Emoji_Presentation}}]{_EXTEND}"
PATTERN = rf"{_WORD}|{_COMPLEX}|{_SINGLE}"


@cache
def standard_analyzer() -> tantivy.TextAnalyzer:
    """The analyzer that text fields are indexed and asked with; compiled once a process."""
    tokenizer = tantivy.Tokenizer.regex(PATTERN)
    return tantivy.TextAnalyzerBuilder(tokenizer).filter(tantivy.Filter.lowercase()).build()


def tokens_of(text: str) -> list[str]:
    """The terms of a text, in their order."""
    return standard_analyzer().analyze(text)

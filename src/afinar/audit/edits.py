"""Changes to a text, and what of a text must not be changed.

An address, a number or a placeholder with a typo is another address, number or placeholder; perturbations leave them as they
are. All patterns here run in time linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_NEGATING = """
não nem nunca jamais nada ninguém nenhum nenhuma nenhuns nenhumas sem tampouco
not no nor never none nothing nobody neither nowhere without cannot hardly barely
"""
_NUMBERS = """
zero um uma dois duas três quatro cinco seis sete oito nove dez onze doze treze catorze quatorze quinze dezesseis dezasseis
dezessete dezassete dezoito dezenove dezanove vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cem cento
duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos mil milhão milhões bilhão bilhões meio
meia metade dobro primeiro primeira segundo segunda terceiro terceira
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half twice first second third
"""
NEGATIONS = frozenset(_NEGATING.split())
MEANT = NEGATIONS | frozenset(_NUMBERS.split())
"""Words whose every letter counts: "seis" with a typo reads "seus", "nunca" without an n "nuca"."""

_LETTERS = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTERS}+(?:['’]{_LETTERS}+)*")
_TOKEN = re.compile(r"\S+")
_ENCLOSED = re.compile(r"\{\{[^{}\n]*\}\}|\{[^{}\n]*\}|<[^<>\n]*>|\[[A-Z_/]+\]|`[^`\n]*`")
_TECHNICAL = re.compile(
    r"://|^www\.|^[@#$%/\\]\S|\w@\w|\w\.(?:com|org|net|gov|edu|br|pt|io|html?|pdf|txt|py)\b|\w_\w", re.IGNORECASE
)
_TRAILING = ".,;:!?…\"”’»)]}'"


@dataclass(frozen=True)
class Edit:
    """`new` in place of text[start:end]."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class Span:
    """text[start:end] = `text`."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with the edits made; they must not overlap."""
    pieces, position = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        if edit.start < position:
            raise ValueError(f"Edits overlap at {edit.start}.")
        pieces += [text[position : edit.start], edit.new]
        position = edit.end
    return "".join([*pieces, text[position:]])


@dataclass(frozen=True)
class Source:
    """A text to perturb, in Unicode's composed form (NFC), and its language (pt, pt-BR, pt-PT, en)."""

    text: str
    language: str

    @cached_property
    def words(self) -> list[Span]:
        """Runs of letters, apostrophes within them, outside of what is kept."""
        found = (Span(match.start(), match.end(), match.group()) for match in _WORD.finditer(self.text))
        return [word for word in found if not self.keeps(word.start, word.end)]

    @cached_property
    def _kept(self) -> tuple[list[int], list[int]]:
        spans = [(match.start(), match.end()) for match in _ENCLOSED.finditer(self.text)]
        for match in _TOKEN.finditer(self.text):
            token = match.group()
            if any(letter.isdigit() for letter in token) or _TECHNICAL.search(token):
                spans.append((match.start(), match.start() + len(token.rstrip(_TRAILING))))
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return [start for start, _ in merged], [end for _, end in merged]

    def keeps(self, start: int, end: int) -> bool:
        """Whether text[start:end] touches a number, an address, code or a placeholder."""
        starts, ends = self._kept
        before = bisect_right(starts, end - 1) - 1
        return before >= 0 and ends[before] > start

    def count(self, rate: float) -> int:
        """The number of words that a variant touches: `rate` of all, and at least one."""
        return max(1, round(rate * len(self.words)))

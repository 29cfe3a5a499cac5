"""Whether texts of a suite stood in the training data: such a case shows what was learned by heart.

Texts are compared by their words alone: Unicode NFC, case folded, everything between words dropped. A text of the suite has
leaked where a whole training text (a prompt, an answer, a message) has the same words, or, from `SHORTEST` words on, where
the words stand inside a training text in one piece.

The suite's texts are indexed and the training texts run past them once, so that training data of any size fit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from afinar.audit.probes import Ask, Probe, Score
from afinar.audit.verdicts import Reason

SHORTEST = 6
"""Words from which on being contained in a training text is no coincidence."""
LONGEST = 200
"""Characters of a text that a reason tells."""
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Leak:
    """A `text` of a case that the training data have: `how` is same | contained."""

    text: str
    how: str

    @property
    def reason(self) -> Reason:
        """Why a case is left out."""
        text = self.text if len(self.text) <= LONGEST else f"{self.text[:LONGEST]}…"
        return Reason("audit.leaked_same" if self.how == "same" else "audit.leaked_contained", {"text": text})


def find_leaks(texts: Iterable[str], training: Iterable[str]) -> dict[str, Leak]:
    """Those of the suite's `texts` that the `training` texts have."""
    known: dict[tuple[str, ...], list[str]] = {}
    starts: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for text in dict.fromkeys(texts):
        words = words_of(text)
        if words:
            known.setdefault(words, []).append(text)
        if len(words) >= SHORTEST:
            starts.setdefault(words[:SHORTEST], set()).add(words)
    found: dict[tuple[str, ...], str] = {}
    for text in training:
        words = words_of(text)
        if words in known:
            found[words] = "same"
        for inside in _contained(words, starts):
            found.setdefault(inside, "contained")
    return {text: Leak(text, how) for words, how in found.items() for text in known[words]}


def _contained(words: tuple[str, ...], starts: Mapping[tuple[str, ...], set[tuple[str, ...]]]) -> Iterator[tuple[str, ...]]:
    for place in range(len(words) - SHORTEST + 1):
        for run in starts.get(words[place : place + SHORTEST], ()):
            if words[place : place + len(run)] == run:
                yield run


def leak_of(probes: Sequence[Probe], leaks: Mapping[str, Leak]) -> Leak | None:
    """The first text that the probes of a case put to a model and that has leaked."""
    return next((leaks[text] for probe in probes for text in texts_of(probe) if text in leaks), None)


def texts_of(probe: Probe) -> Iterator[str]:
    """The texts of a case in a probe: the turns of the user and the assistant, the text that is labelled, the likelihoods'."""
    if isinstance(probe, Ask):
        turns = (("user", probe.prompt),) if isinstance(probe.prompt, str) else probe.prompt
        yield from (content for role, content in turns if role != "system")
    else:
        yield probe.text if isinstance(probe, Score) else probe.context + probe.text


def words_of(text: str) -> tuple[str, ...]:
    """The words of `text`: NFC, case folded, without what stands between them."""
    return tuple(WORD.findall(unicodedata.normalize("NFC", text).casefold()))

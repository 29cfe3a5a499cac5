"""Contractions and their full forms, in both directions: de o ↔ do, está ↔ tá, você ↔ vc, do not ↔ don't.

Only pairs that mean the same in (nearly) every sentence are listed, with the conditions under which they do. Left out on
purpose: "nos" (em os, or us), "pelos" (por os, or hairs), "desse" (de esse, or a form of dar), "estão" → "tão" (so), "à",
"I'd" (had or would), "he's been". Proper names keep their words: Maria da Silva, Folha de São Paulo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from afinar.audit.draws import Draws
from afinar.audit.edits import Edit, Source

_ELISIONS = """
de o|do de a|da de os|dos de as|das de ele|dele de ela|dela de eles|deles de elas|delas de isso|disso de isto|disto
de aquilo|daquilo de essa|dessa de essas|dessas de esta|desta de estas|destas de aquele|daquele de aquela|daquela
de aqueles|daqueles de aquelas|daquelas de aqui|daqui de ali|dali em o|no em a|na em as|nas em ele|nele em ela|nela
em eles|neles em elas|nelas em isso|nisso em isto|nisto em aquilo|naquilo em esse|nesse em essa|nessa em esses|nesses
em essas|nessas em este|neste em esta|nesta em estes|nestes em estas|nestas em aquele|naquele em aquela|naquela
em aqueles|naqueles em aquelas|naquelas em uma|numa em umas|numas por o|pelo por a|pela por as|pelas a o|ao a os|aos
"""
_ELISIONS_ONE_WAY = """
em os|nos em um|num em uns|nuns por os|pelos de um|dum de uma|duma de este|deste de esse|desse de estes|destes de esses|desses
"""
_REDUCED = {
    "pt": """
está|tá estava|tava estavam|tavam estamos|tamos para|pra para os|pros para as|pras para o|pro porque|pq também|tb
que|q mesmo|msm
""",
    "pt-BR": "estou|tô você|vc vocês|vcs quando|qdo muito|mto hoje|hj depois|dps beleza|blz comigo|cmg também|tbm",
    "pt-PT": "estou|tou você|vc quando|qd muito|mt hoje|hj depois|dps comigo|cmg",
}
_REDUCED_ONE_WAY = "para a|pra"
_EXPANDED_ONE_WAY = {
    "pt": {"né": "não é", "cê": "você", "cês": "vocês"},
    "en": {"let's": "let us", "gonna": "going to", "wanna": "want to", "can't": "cannot"},
}
_NOT = "are were is was do does did has have had could should would must need"
_ENGLISH = (
    "i am|i'm you are|you're we are|we're they are|they're i will|i'll you will|you'll he will|he'll she will|she'll "
    "it will|it'll we will|we'll they will|they'll will not|won't"
)
_ENGLISH_ONE_WAY = (
    "it is|it's that is|that's he is|he's she is|she's there is|there's here is|here's what is|what's where is|where's "
    "who is|who's how is|how's when is|when's cannot|can't can not|can't"
)

_SUBJECTS = "i you he she it we they"
_BEFORE_THE_VERB_PARA = "ele ela você tu não nunca jamais já só ninguém quem isso isto nada tudo se ainda também"


@dataclass(frozen=True)
class Swap:
    """One form for another. needs_more: only with a word after it, as in "we're late"."""

    new: str
    needs_more: bool = False


def contractions(source: Source, rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """`rate` of the words with a form contracted or written out."""
    sites = list(_sites(source))
    for draw in draws:
        if not sites:
            return
        yield draw.some(sites, source.count(rate))


def _sites(source: Source) -> Iterator[Edit]:
    table, pattern = forms(source.language)
    for match in pattern.finditer(source.text):
        found = match.group()
        swap = table.get(found.lower().replace("’", "'"))
        if swap is None or source.keeps(match.start(), match.end()) or not _fits(source.text, match, swap):
            continue
        new = _cased(found, swap.new)
        if new is not None:
            yield Edit(match.start(), match.end(), new.replace("'", "’") if "’" in source.text else new)


@cache
def forms(language: str) -> tuple[Mapping[str, Swap], re.Pattern[str]]:
    """Every form that the language can swap, in lower case, and the pattern that finds them, the longest first."""
    table = _english() if language == "en" else _portuguese(language)
    alternatives = "|".join(re.escape(form).replace("'", "['’]") for form in sorted(table, key=len, reverse=True))
    return table, re.compile(rf"(?<![\w'’-])(?=\w)(?:{alternatives})(?![\w'’-])", re.IGNORECASE)


def _portuguese(language: str) -> dict[str, Swap]:
    reduced = _pairs(_REDUCED["pt"]) + _pairs(_REDUCED["pt-PT" if language == "pt-PT" else "pt-BR"])
    table = {short: Swap(full) for full, short in _pairs(_ELISIONS) + reduced}
    table |= {full: Swap(short) for full, short in _pairs(_ELISIONS) + _pairs(_ELISIONS_ONE_WAY) + reduced}
    table |= {full: Swap(short) for full, short in _pairs(_REDUCED_ONE_WAY)}
    table |= {short: Swap(full) for short, full in _EXPANDED_ONE_WAY["pt"].items()}
    for preposition in ("para", "pro", "pros", "pra", "pras"):
        table[preposition] = Swap(table[preposition].new, needs_more=True)
    return table


def _english() -> dict[str, Swap]:
    both = _pairs(_ENGLISH) + [(f"{verb} not", f"{verb}n't") for verb in _NOT.split()]
    table = {full: Swap(short, needs_more=not full.endswith(" not")) for full, short in both + _pairs(_ENGLISH_ONE_WAY)}
    table |= {short: Swap(full) for full, short in both}
    return table | {short: Swap(full) for short, full in _EXPANDED_ONE_WAY["en"].items()}


def _pairs(listed: str) -> list[tuple[str, str]]:
    """`de o|do em o|no` → [("de o", "do"), ("em o", "no")]: a full form may hold spaces, the short one none."""
    return [(full.strip(), short) for full, short in re.findall(r"([^|]+)\|(\S+)", listed)]


def _fits(text: str, match: re.Match[str], swap: Swap) -> bool:
    before = re.search(r"([^\W\d_]+) $", text[max(0, match.start() - 40) : match.start()])
    after = re.match(r" ([^\W\d_]+)", text[match.end() : match.end() + 40])
    if swap.needs_more and not after:
        return False
    previous, following = (before.group(1) if before else ""), (after.group(1) if after else "")
    form = match.group().lower()
    if form.startswith("para"):
        return previous.lower() not in _BEFORE_THE_VERB_PARA.split() and following.lower() != "de"
    within_a_name = previous[:1].isupper() and following[:1].isupper() and not text.isupper()
    if within_a_name and not form.startswith("pr"):
        return False
    return not (form.endswith(("n't", "n’t")) and following.lower() in _SUBJECTS.split())


def _cased(found: str, new: str) -> str | None:
    """`new` in the case of `found`; None where a later word is capitalised, which may be a name (de O Globo)."""
    letters = [letter for letter in found if letter.isalpha()]
    if len(letters) > 1 and all(letter.isupper() for letter in letters):
        return new.upper()
    if any(letter.isupper() for letter in letters[1:]):
        return None
    return new[0].upper() + new[1:] if letters[0].isupper() else new

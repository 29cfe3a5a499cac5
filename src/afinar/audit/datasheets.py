"""The page of the shipped suites, made from them: `python -m afinar.audit.datasheets [DOCS]`.

A suite and its counterpart share a section, which gives the datasheet of the one in the page's language.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from math import prod
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

from afinar import messages
from afinar.audit.expanding import blocks_of, expand
from afinar.audit.loading import BUNDLED, load_suite
from afinar.audit.perturb import variants
from afinar.audit.schema import Check, Contrast, Counterfactual, Pair, Suite
from afinar.audit.verdicts import kind_of

TWINS = (
    ("sentimento", "sentiment"),
    ("capacidade", "capability"),
    ("robustez", "robustness"),
    ("vies", "bias"),
    ("conteudo", "content"),
    ("privacidade", "privacy"),
    ("variedade", "variety"),
    ("esquecimento", "forgetting"),
)
"""Each suite in Portuguese and its counterpart in English, in the page's order."""


class Counts(NamedTuple):
    """cases: the units of the statistics. texts: what they stand for. pairs: texts compared over groups, see :func:`pairs`."""

    cases: int
    texts: int
    pairs: int


def count(suite: Suite, category: str | None = None) -> Counts:
    """The counts of a suite, or of one of its categories."""
    cases = [case for case in suite.cases if category in (None, case.category)]
    return Counts(len(cases), sum(texts(case, suite) for case in cases), sum(pairs(case, suite) for case in cases))


def texts(case: Any, suite: Suite) -> int:
    """How many texts a case stands for: its expansions, both sides of a pair, its input and the variants of it."""
    if isinstance(case, Counterfactual):
        return len(expand(case, suite.lexicons))
    if isinstance(case, Pair):
        return 2 * prod(len(suite.lexicons[name].words) for name in case.slots.values())
    if isinstance(case, Check) and case.perturb is not None and isinstance(case.input, str):
        return 1 + len(variants(case.input, case.perturb, suite.language, case.id))
    return 2 if isinstance(case, Contrast) else 1


def pairs(case: Any, suite: Suite) -> int:
    """Of texts that differ in the group alone, each after the first makes one pair; so do a stereotype and its swap."""
    if isinstance(case, Pair):
        return texts(case, suite) // 2 if case.stereotype is not None else 0
    if not isinstance(case, Counterfactual):
        return 0
    return sum(len(block.rows) - 1 for block in blocks_of(case, suite.lexicons, expand(case, suite.lexicons)))


def datasheet(suite: Suite) -> str:
    """One suite's datasheet as Markdown, without a heading: what it is, its categories, what it shows and does not show."""
    heads = ["category", "measures", "cases", "texts", "pairs", "meaning"]
    rows = []
    for name, category in suite.categories.items():
        counts = count(suite, name)
        measure = messages.text(f"datasheets.measure_{category.measures}")
        rows.append([f"`{name}`", measure, *_numbers(counts), category.about])
    parts = [_wrapped(suite.about), _table(heads, rows)]
    if suite.datasheet is not None:
        sheet = suite.datasheet
        for key, lines in (("shows", sheet.shows), ("does_not_show", sheet.does_not_show)):
            parts += [f"**{messages.text(f'datasheets.{key}')}**", "\n".join(_wrapped(line, "- ") for line in lines)]
        parts += [_wrapped(f"**{messages.text('datasheets.made')}.** {sheet.made}")]
        parts += [f"**{messages.text('datasheets.licence')}.** {sheet.licence}"]
    return "\n\n".join(parts)


def page(language: messages.Language) -> str:
    """The whole page in one language."""
    messages.use(language)
    try:
        suites = [[shipped(name) for name in pair] for pair in TWINS]
        parts = [f"# {messages.text('datasheets.title')}"]
        parts += [_wrapped(messages.text("datasheets.about")), _wrapped(messages.text("datasheets.modesty"))]
        parts += ["```sh\nafinar audit afinar/sentimento --model runs/2026-11-22_1\n```"]
        parts += [_overview([suite for pair in suites for suite in pair])]
        notes = [messages.text("datasheets.counts"), messages.text("datasheets.gates"), messages.text("datasheets.aliases")]
        parts += [_wrapped(note) for note in notes]
        for pair in suites:
            parts += [f"## {' · '.join(suite.name for suite in pair)}", datasheet(pair[0 if language == "pt" else 1])]
        return "\n\n".join(parts) + "\n"
    finally:
        messages.use(None)


@cache
def shipped(name: str) -> Suite:
    """The suite that ships as `afinar/<name>`, read once."""
    return load_suite(BUNDLED + name)


def _overview(suites: Sequence[Suite]) -> str:
    heads = ["suite", "language", "version", "cases", "texts", "pairs", "classifiers"]
    rows = []
    for suite in suites:
        rows.append([f"`{suite.name}`", suite.language, suite.version, *_numbers(count(suite)), _for_classifiers(suite)])
    return _table(heads, rows)


def _for_classifiers(suite: Suite) -> str:
    """Whether a classifier can be asked all, some or none of the cases."""
    asked = [kind_of(case).applies(case, suite, "classification") for case in suite.cases]
    return messages.text(f"datasheets.{'yes' if all(asked) else 'part' if any(asked) else 'no'}")


def _wrapped(text: str, bullet: str = "") -> str:
    return fill(
        text, 125, initial_indent=bullet, subsequent_indent=" " * len(bullet), break_on_hyphens=False, break_long_words=False
    )


def _numbers(counts: Counts) -> list[str]:
    return [messages.number(counts.cases, 0), messages.number(counts.texts, 0), messages.number(counts.pairs, 0)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[messages.text(f"datasheets.{head}") for head in heads], ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def write(docs: Path) -> list[Path]:
    """Write `<docs>/<language>/shipped-suites.md` for each language; returns the files."""
    written = []
    for language in messages.LANGUAGES:
        path = docs / language / "shipped-suites.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(language), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        print(path)

"""Numbers as people write them in Portuguese and in English: 1.234,56 and 1,234.56, signs, percentages.

The last separator parts the decimals where both kinds occur, where it stands once and is not followed by exactly three
digits, and after a lone 0. What remains ambiguous, such as 1.234, is read by the suite's language: 1234 in Portuguese, 1.234
in English. A percentage is also its share: 50% is 50 and 0.5. Numbers in words ("quarenta e dois"), fractions and dates are
not read.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from afinar.audit.assertions.finding import Finding, failed, passed, undecided
from afinar.audit.probes import Answer
from afinar.audit.schema import Expect, Numeric

# Not within a word (B12) nor right after a single separator, which would belong to it. Before a sign there is no letter or
# digit: in 10-5 and 2024-05-01 the hyphen is no minus. No-break spaces part groups of three.
_number = regex.compile(
    r"(?<![\p{L}\p{N}])(?<!(?<![.,])[.,])(?P<sign>(?<![\p{L}\p{N}.,)])[-+−–])?"
    r"(?P<body>(?<![.,])\.[0-9]++|[0-9]++(?:[.,\u00a0\u202f][0-9]++)*+)"
    r"(?P<exponent>[eE][-+]?[0-9]{1,3}(?![\p{L}\p{N}]))?(?P<percent>\s?%)?"
)
_ROUNDING = 1e-9  # of the larger value: 0.1 + 0.2 is 0.3
_MAX_DIGITS = 300


def numeric(answer: Answer, expect: Expect, language: str) -> Finding:
    """Whether the answer states the number `expect.numeric`, within its tolerance; other numbers beside it do not matter."""
    wanted = expect.numeric if isinstance(expect.numeric, Numeric) else Numeric(value=float(expect.numeric or 0))
    seen: list[float] = []
    cut = False
    for end, readings in stated(answer.text, language):
        if any(_equal(value, wanted) for value in readings):
            if not (answer.truncated and end == len(answer.text)):
                return passed(shows_answer=True)
            cut = True  # the next token may be a further digit
        seen += readings[:1]
    if answer.truncated or cut:
        return undecided("assertions.number_not_yet", value=f"{wanted.value:g}")
    got = ", ".join(f"{value:g}" for value in seen[:8]) or "—"
    return failed("assertions.number_missing", value=f"{wanted.value:g}", tolerance=f"{wanted.tolerance:g}", got=got)


def stated(text: str, language: str) -> Iterator[tuple[int, tuple[float, ...]]]:
    """The end and the readings of each number in `text`, in order."""
    for match in _number.finditer(text):
        value = read_number(match["body"], language)
        if value is None:
            continue
        value *= float(f"1{match['exponent']}") if match["exponent"] else 1.0
        value = -value if match["sign"] not in (None, "+") else value
        yield match.end(), (value, value / 100) if match["percent"] else (value,)


def read_number(body: str, language: str) -> float | None:
    """The value of digits with separators; None where they make no number (1.2.3, 12.34.56)."""
    if len(body) > _MAX_DIGITS:
        return None
    if body.startswith("."):
        return float(f"0{body}")
    body = body.replace("\u202f", "\u00a0")
    parts = regex.split(r"[.,\u00a0]", body)
    separators = regex.findall(r"[.,\u00a0]", body)
    if not separators:
        return float(body)
    kinds = set(separators)
    last = separators[-1]
    if len(kinds) == 1 and (len(separators) > 1 or last not in ".,"):
        return float("".join(parts)) if _grouped(parts) else None
    if len(kinds) == 1:
        is_thousands = _grouped(parts) and parts[0] != "0" and last == ("," if language == "en" else ".")
        return float("".join(parts)) if is_thousands else float(".".join(parts))
    is_decimal = last in ".," and separators.count(last) == 1 and len(kinds) == 2 and _grouped(parts[:-1])
    return float(f"{''.join(parts[:-1])}.{parts[-1]}") if is_decimal else None


def _grouped(parts: list[str]) -> bool:
    """Whether the digits are grouped in threes, the first group having one to three."""
    return 1 <= len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])


def _equal(value: float, wanted: Numeric) -> bool:
    return abs(value - wanted.value) <= wanted.tolerance + _ROUNDING * max(abs(value), abs(wanted.value))

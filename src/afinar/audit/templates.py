"""Templates: texts with slots that the words of lexicons fill, in the form that agreement asks for.

    A festa foi linda, e {p} voltou para casa encantad{p.o}.      {nome: a professora, o: a}, {nome: o professor, o: o}

`{slot}` is a word's form `nome`, `{slot.form}` the form of that name; a word that is a plain text has only `nome`. `{{` and
`}}` are braces. The parser is strict: a lone brace, an unknown slot or a form that a word lacks is a problem of the suite,
found by :func:`check` when it is loaded.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import TypeVar

from afinar.audit.schema import Contrast, Counterfactual, Even, Lexicon, Pair, Suite, Word
from afinar.audit.verdicts import Reason
from afinar.errors import ConfigError

T = TypeVar("T")
Place = tuple[str | int, ...]
Found = tuple[Place, Reason]
"""A problem, and where in the case (or lexicon) it stands."""

NAME = "nome"
MAX_EXPANSIONS = 2000
"""Texts that one case may stand for."""

_PART = re.compile(r"(\{\{|\}\})|\{([\w-]+)(?:\.([\w-]+))?\}|([{}])")


@dataclass(frozen=True)
class Field:
    """A place to fill with the word of `slot` in its form `form`."""

    slot: str
    form: str

    def __str__(self) -> str:
        return f"{{{self.slot}}}" if self.form == NAME else f"{{{self.slot}.{self.form}}}"


@dataclass(frozen=True)
class Template:
    """Literal texts and fields, in their order."""

    parts: tuple[str | Field, ...]

    @property
    def fields(self) -> list[Field]:
        """The fields, each once."""
        return list(dict.fromkeys(part for part in self.parts if isinstance(part, Field)))

    def fill(self, words: Mapping[str, Word]) -> str:
        """The text with each slot's word in it; KeyError for a slot or a form that is not there (see :func:`check`)."""
        return "".join(part if isinstance(part, str) else form_of(words[part.slot], part.form) for part in self.parts)


@lru_cache(maxsize=1024)
def parse(text: str) -> Template:
    """The template that a text is. Raises ConfigError (kinds.brace) where a brace opens or closes no field."""
    parts: list[str | Field] = []
    position = 0
    for match in _PART.finditer(text):
        doubled, slot, form, alone = match.groups()
        if alone:
            raise ConfigError("kinds.brace", near=text[max(0, match.start() - 10) : match.start() + 20])
        parts += [text[position : match.start()], doubled[0] if doubled else Field(slot, form or NAME)]
        position = match.end()
    return Template(tuple(part for part in (*parts, text[position:]) if part != ""))


def form_of(word: Word, form: str = NAME) -> str:
    """A form of a word; KeyError where the word has not got it."""
    if isinstance(word, str):
        return {NAME: word}[form]
    return word[form]


def forms_of(word: Word) -> set[str]:
    """All texts that a word may put into a template."""
    return {word} if isinstance(word, str) else set(word.values())


def evenly(items: Sequence[T], count: int | None) -> list[T]:
    """`count` of the items at even distances, from the middle of each stretch; all for None or where there are fewer."""
    n = len(items)
    if count is None or count >= n:
        return list(items)
    return [items[(2 * i + 1) * n // (2 * count)] for i in range(count)]


def fillings(slots: Mapping[str, str], lexicons: Mapping[str, Lexicon]) -> Iterator[dict[str, Word]]:
    """Every combination of the words of lexicons without groups, the last slot's words changing fastest."""
    names = list(slots)
    for words in product(*(lexicons[slots[name]].words for name in names)):
        yield dict(zip(names, words, strict=True))


# --- what is wrong with them -----------------------------------------------------------------------------------------


def check(case: object, suite: Suite) -> list[Found]:
    """What is wrong with a case's texts, slots and lexicons; nothing for kinds that have no templates and no two texts."""
    if isinstance(case, Counterfactual):
        return _check_counterfactual(case, suite.lexicons)
    if isinstance(case, Pair):
        return _check_pair(case, suite.lexicons)
    if isinstance(case, Contrast) and case.input == case.changed:
        return [(("changed",), Reason("kinds.same_text"))]
    return []


def check_lexicon(lexicon: Lexicon) -> list[Found]:
    """What is wrong with a lexicon in itself; the words' forms are checked where they are used."""
    if bool(lexicon.groups) == bool(lexicon.words):
        return [((), Reason("kinds.groups_or_words"))]
    found: list[Found] = []
    if lexicon.groups and lexicon.attribute is None:
        found.append(((), Reason("kinds.no_attribute")))
    if len(lexicon.groups) == 1:
        found.append((("groups",), Reason("kinds.one_group")))
    sizes = {group: len(words) for group, words in lexicon.groups.items()}
    if lexicon.aligned and len(set(sizes.values())) > 1:
        counts = ", ".join(f"{group} {size}" for group, size in sizes.items())
        found.append((("groups",), Reason("kinds.unaligned", {"counts": counts})))
    return found


def _check_counterfactual(case: Counterfactual, lexicons: Mapping[str, Lexicon]) -> list[Found]:
    found = _check_slots("over", case.over, lexicons) + _check_texts(case, ("template",), case.over, "over", lexicons)
    if not found:
        compared = [name for name in case.over.values() if lexicons[name].groups]
        if not compared:
            return [(("over",), Reason("kinds.nothing_compared"))]
        sizes = [sum(len(evenly(words, case.words)) for words in lexicons[name].groups.values()) for name in compared]
        found = _check_size("over", prod(sizes))
    return found


def _check_pair(case: Pair, lexicons: Mapping[str, Lexicon]) -> list[Found]:
    sides = ("stereotype", "anti") if isinstance(case.expect, Even) else ("prefer", "over")
    texts = [text for side in ("prefer", "over", "stereotype", "anti") if (text := getattr(case, side)) is not None]
    if len(texts) != 2 or any(getattr(case, side) is None for side in sides):
        return [((), Reason("kinds.sides"))]
    found: list[Found] = [((sides[1],), Reason("kinds.same_text"))] if texts[0] == texts[1] else []
    if not case.slots:
        return found
    found += _check_slots("slots", case.slots, lexicons)
    found += _check_texts(case, ("context", *sides), case.slots, "slots", lexicons)
    grouped = [slot for slot, name in case.slots.items() if name in lexicons and lexicons[name].groups]
    found += [(("slots", slot), Reason("kinds.grouped_slot")) for slot in grouped]
    return found or _check_size("slots", prod(len(lexicons[name].words) for name in case.slots.values()))


def _check_slots(key: str, slots: Mapping[str, str], lexicons: Mapping[str, Lexicon]) -> list[Found]:
    """Slots whose lexicon is not there."""
    return [
        (
            (key, slot),
            Reason("kinds.unknown_lexicon", {"got": name, "known": listed(lexicons), "near": nearest(name, lexicons)}),
        )
        for slot, name in slots.items()
        if name not in lexicons
    ]


def _check_texts(
    case: object, keys: Sequence[str], slots: Mapping[str, str], key: str, lexicons: Mapping[str, Lexicon]
) -> list[Found]:
    """Braces, unknown and unused slots, missing forms."""
    found: list[Found] = []
    used: set[str] = set()
    for name in keys:
        try:
            fields = parse(getattr(case, name)).fields
        except ConfigError as error:
            return [*found, ((name,), Reason(error.key, error.values))]
        used |= {field.slot for field in fields}
        for field in fields:
            reason = _check_field(field, slots, lexicons)
            found += [((name,), reason)] if reason else []
    found += [((key, slot), Reason("kinds.unused_slot", {"slot": slot})) for slot in slots if slot not in used]
    return found


def _check_field(field: Field, slots: Mapping[str, str], lexicons: Mapping[str, Lexicon]) -> Reason | None:
    if field.slot not in slots:
        values = {"got": str(field), "known": listed(slots), "near": nearest(field.slot, slots)}
        return Reason("kinds.unknown_slot", values)
    lexicon = lexicons.get(slots[field.slot])
    if lexicon is None:
        return None
    words = [*lexicon.words, *(word for group in lexicon.groups.values() for word in group)]
    for word in words:
        forms = {NAME: word} if isinstance(word, str) else word
        if field.form not in forms:
            values = {
                "field": str(field),
                "form": field.form,
                "word": next(iter(forms.values()), "{}"),
                "known": listed(forms),
            }
            return Reason("kinds.missing_form", values | {"lexicon": slots[field.slot]})
    return None


def _check_size(key: str, size: int) -> list[Found]:
    return [((key,), Reason("kinds.too_many", {"count": size, "limit": MAX_EXPANSIONS}))] if size > MAX_EXPANSIONS else []


def listed(names: Collection[str]) -> str:
    """Names for a message; a dash where there are none."""
    return ", ".join(names) or "—"


def nearest(name: str, names: Collection[str]) -> str:
    """The most similar of the names; a dash where there are none."""
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0)), "—")

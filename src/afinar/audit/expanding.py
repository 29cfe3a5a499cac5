"""The texts that a counterfactual template stands for, and which of them are compared with each other.

Each compared slot (its lexicon has groups) takes the words of all groups. Texts of one *block* differ in that slot's group
and in nothing else: the other slots hold the same words. Which words meet in a block:

- aligned lexicon: the i-th words of all groups, which are counterparts (avó / avô);
- otherwise, without slots for variety: all words of all groups;
- otherwise: the words are dealt out in turn to as many blocks as the smallest group has words, each block with its own draw
  of the variety, so that every block has all groups.

Variety is drawn under (case, slot) and the number of the block, thus alike for all groups, and every word of its lexicon is
used before one is used again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from afinar.audit.draws import Draws
from afinar.audit.schema import Counterfactual, Lexicon, Word
from afinar.audit.templates import evenly, parse


@dataclass(frozen=True)
class Entry:
    """A group's word and the number of the block that it goes to."""

    group: str
    place: int
    word: Word
    block: int


@dataclass(frozen=True)
class Filled:
    """A filled template. For each compared slot, in the case's order: its group, its word and that word's place among the
    group's, the block it is compared in.
    """

    text: str
    groups: tuple[str, ...]
    words: tuple[Word, ...]
    places: tuple[int, ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Texts that differ in the group of one slot alone: their rows, and each row's group and word (lexicon and place)."""

    attribute: str
    name: str
    rows: tuple[int, ...]
    groups: tuple[str, ...]
    words: tuple[str, ...]


def compared_slots(case: Counterfactual, lexicons: Mapping[str, Lexicon]) -> list[str]:
    """The slots whose lexicon has groups, in the case's order."""
    return [slot for slot, name in case.over.items() if lexicons[name].groups]


def expand(case: Counterfactual, lexicons: Mapping[str, Lexicon]) -> list[Filled]:
    """Every filled template, those of a block of the first compared slot together. Raises ConfigError (kinds.brace)."""
    template = parse(case.template)
    slots = compared_slots(case, lexicons)
    varied = {slot: _shuffled(case.id, slot, lexicons[name].words) for slot, name in case.over.items() if slot not in slots}
    dealt = [_entries(lexicons[case.over[slot]], case.words, bool(varied)) for slot in slots]
    counts = [1 + max(entry.block for entry in entries) for entries in dealt]
    found = []
    for entries in product(*dealt):
        number = 0
        for entry, count in zip(entries, counts, strict=True):
            number = number * count + entry.block
        words = {slot: entry.word for slot, entry in zip(slots, entries, strict=True)}
        words |= {slot: choices[number % len(choices)] for slot, choices in varied.items()}
        blocks = tuple(_block(case.id, slots, entries, place) for place in range(len(slots)))
        filled = Filled(
            template.fill(words),
            tuple(entry.group for entry in entries),
            tuple(entry.word for entry in entries),
            tuple(entry.place for entry in entries),
            blocks,
        )
        found.append((tuple(entry.block for entry in entries), filled))
    return [filled for _, filled in sorted(found, key=lambda item: item[0])]


def blocks_of(case: Counterfactual, lexicons: Mapping[str, Lexicon], filled: Sequence[Filled]) -> list[Block]:
    """The blocks of all compared slots."""
    found = []
    for place, slot in enumerate(compared_slots(case, lexicons)):
        lexicon = lexicons[case.over[slot]]
        rows: dict[str, list[int]] = {}
        for row, each in enumerate(filled):
            rows.setdefault(each.blocks[place], []).append(row)
        for name, own in rows.items():
            groups = tuple(filled[row].groups[place] for row in own)
            words = tuple(f"{case.over[slot]}/{filled[row].places[place]}" for row in own)
            found.append(Block(lexicon.attribute or case.over[slot], name, tuple(own), groups, words))
    return found


def _entries(lexicon: Lexicon, limit: int | None, varied: bool) -> list[Entry]:
    groups = {group: evenly(words, limit) for group, words in lexicon.groups.items()}
    smallest = min(len(words) for words in groups.values())
    blocks = smallest if lexicon.aligned or varied else 1
    return [Entry(group, place, word, place % blocks) for group, words in groups.items() for place, word in enumerate(words)]


def _shuffled(case_id: str, slot: str, words: Sequence[Word]) -> list[Word]:
    return Draws(case_id, "variety", slot).shuffled(words)


def _block(case_id: str, slots: Sequence[str], entries: Sequence[Entry], place: int) -> str:
    """The block of the slot at `place`: its number, and what the other compared slots hold."""
    holds = [f"{slot}={entry.group}:{entry.place}" for slot, entry in zip(slots, entries, strict=True)]
    holds[place] = f"{slots[place]}#{entries[place].block}"
    return "|".join([case_id, *holds])

"""Prompts in batches: of like length, padded on the left, as many on every process where they have to run in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from afinar.models.search import Search

FILLER = -1
"""The place of a dummy prompt, which keeps processes in step and has no answer."""


class Prompt(NamedTuple):
    """A prompt in a request: its number there (or FILLER), the place that names its random stream, its token ids, and how
    many tokens may follow.
    """

    row: int
    place: int
    tokens: list[int]
    room: int


def prompt_batches(
    asked: Sequence[Prompt], rules: Search, positions: int | None, batch_size: int, alike: bool
) -> list[list[Prompt]]:
    """Prompts of like length together. A batch runs for its largest room, which must fit each row's positions; where the
    limit shapes the answer, rows with another room stand apart.
    """
    batches: list[list[Prompt]] = []
    for prompt in sorted((p for p in asked if p.room >= 1), key=lambda p: (p.room, len(p.tokens)), reverse=True):
        batch = batches[-1] if batches else []
        steps = batch[0].room if batch else 0
        fits = positions is None or len(prompt.tokens) + steps <= positions
        same = prompt.room == steps or not rules.length_matters
        equal = not alike or (batch and len(prompt.tokens) == len(batch[0].tokens))
        if not batch or len(batch) == batch_size or not (fits and same and equal):
            batches.append([])
        batches[-1].append(prompt)
    return batches


def in_step(batches: list[list[Prompt]], positions: int | None) -> list[list[Prompt]]:
    """As many batches on every process; dummies fill the gaps.

    A process that has finished a batch runs on until the others have. Where that would take it beyond its rows' last
    position, only batches of as many steps run together.
    """
    own = [(batch[0].room, max(len(prompt.tokens) for prompt in batch)) for batch in batches]
    everywhere: list[list[tuple[int, int]]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(everywhere, own)
    steps = [[room for room, _ in part] for part in everywhere]
    most = max((room for part in steps for room in part), default=0)
    if positions is None or all(length + most <= positions for part in everywhere for _, length in part):
        return batches + [[Prompt(FILLER, 0, [0], 1)]] * (max(map(len, everywhere)) - len(batches))
    aligned: list[list[Prompt]] = []
    for room in sorted({room for part in steps for room in part}, reverse=True):
        mine = [batch for batch in batches if batch[0].room == room]
        gap = max(part.count(room) for part in steps) - len(mine)
        aligned += mine + [[Prompt(FILLER, 0, [0], room)]] * gap
    return aligned


def left_padded(prompts: Sequence[Sequence[int]], fill: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask (B, T) of prompts, each ending in the last column."""
    length = max(len(prompt) for prompt in prompts)
    ids = [[fill] * (length - len(prompt)) + [int(token) for token in prompt] for prompt in prompts]
    mask = [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

"""What each technique trains on a model of Llama 2's 7B shape, against the counts and shares that others have published.

The model has no weights (the meta device). Shares are of all weights, the adapter's included, as PEFT prints them and as the
papers below count; each is compared at the digits that it was published with.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from transformers import LlamaConfig

from afinar.methods.base import create
from afinar.methods.config import IA3, AdapterConfig, Full, LoRA, Peft, PrefixTuning, PromptTuning
from afinar.models.shapes import empty_like
from afinar.run.table import Technique, examine

DOCS = Path(__file__).parents[2] / "docs"
LLAMA_2_7B = LlamaConfig(
    vocab_size=32_000, hidden_size=4096, intermediate_size=11_008, num_hidden_layers=32, num_attention_heads=32,
    num_key_value_heads=32, max_position_embeddings=4096, tie_word_embeddings=False,
)  # fmt: skip
PUBLISHED_TARGETS = ("q_proj", "k_proj", "v_proj", "up_proj", "down_proj")


class Published(NamedTuple):
    """A count, or a share in percent as it was printed, of a config; and the count that our formula gives."""

    config: Any
    trainable: int
    said: str


CASES = {
    # The size of the model itself: 6.7 billion; alpaca-lora's log of PEFT: 6,742,609,920 with its 4,194,304
    "full": Published(Full(), 6_738_415_616, "6.7B"),
    # PEFT's print_trainable_parameters as users of alpaca-lora report it, r = 8 on q_proj and v_proj
    "lora, r 8, q and v": Published(LoRA(r=8, target_modules=("q_proj", "v_proj")), 4_194_304, "0.0622 %"),
    # Hu et al. 2023, LLM-Adapters, arXiv:2304.01933; Liu et al. 2024, DoRA, arXiv:2402.09353, table 1 (also for LLaMA2-7B)
    "lora, r 32": Published(LoRA(r=32, target_modules=PUBLISHED_TARGETS), 56_098_816, "0.83 %"),
    "dora, r 32": Published(LoRA(r=32, dora=True, target_modules=PUBLISHED_TARGETS), 56_975_360, "0.84 %"),
    "bottleneck, pfeiffer, 256": Published(AdapterConfig(placement="pfeiffer", size=256), 67_248_128, "0.99 %"),
    # Kopiczko et al. 2024, VeRA, arXiv:2310.11454: LoRA with r = 64 beside it, and 1.4M in the abstract of its first version
    "lora, r 64, all linear": Published(LoRA(r=64, target_modules="all-linear"), 159_907_840, "159.9M"),
    "vera, r 256": Published(Peft(peft_type="VERA", r=256, target_modules="all-linear"), 1_417_216, "1.4M"),
    # Li and Liang 2021, arXiv:2101.00190, abstract
    "prefix, 30": Published(PrefixTuning(virtual_tokens=30), 7_864_320, "0.1 %"),
    # Lester et al. 2021, arXiv:2104.08691: less than 0.01 % in models of more than a billion weights, with 100 tokens
    "prompt, 100": Published(PromptTuning(virtual_tokens=100), 409_600, "< 0.01 %"),
    # Liu et al. 2022, arXiv:2205.05638: about 0.01 %
    "ia3": Published(IA3(), 614_400, "0.01 %"),
}
SLOW = {"dora, r 32", "vera, r 256"}  # PEFT draws VeRA's shared matrices; DoRA takes the norm of every row


def row_of(config: Any) -> Technique:
    """The technique on the model."""
    return examine(config.name, create(config), empty_like(LLAMA_2_7B, task="causal"), "causal")


def as_published(row: Technique, said: str) -> str:
    """The count of `row` in the form and with the digits of `said`."""
    digits = len(re.sub(r".*\.|\D", "", said.partition(".")[2]))
    if said[-1] in "MB":
        return f"{row.trainable / {'M': 1e6, 'B': 1e9}[said[-1]]:.{digits}f}{said[-1]}"
    share = 100 * row.trainable / (row.total + row.trainable)
    if said.startswith("<"):
        return f"< {float(said.strip('< %')):g} %" if share < float(said.strip("< %")) else f"{share} %"
    return f"{share:.{digits}f} %"


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else []) for name in CASES])
def test_counts_are_those_published(name: str) -> None:
    config, trainable, said = CASES[name]
    row = row_of(config)
    assert row.trainable == row.counted == trainable
    assert as_published(row, said) == said


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_docs_table_says_the_same(language: str) -> None:
    text = (DOCS / language / "techniques.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    found = {(row[1], row[2]) for row in rows if len(row) == 4}
    expected = {(f"{case.trainable:,}", case.said) for case in CASES.values()}
    if language == "pt":
        expected = {(trainable.replace(",", "."), said.replace(".", ",")) for trainable, said in expected}
    assert expected <= found

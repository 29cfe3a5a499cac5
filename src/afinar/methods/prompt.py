"""Prompt tuning: learnt embeddings before every sequence, everything else frozen.

    h = decoder([p_1 … p_P, embed(x_1) … embed(x_T)])        p (P, D): P·D weights train, D the width of the embeddings

They start at embeddings of tokens (of the vocabulary at random, or of a text), or at random values of the same spread.
:mod:`afinar.methods.virtual_tokens` puts them before every sequence and takes their positions out again.

Source: Lester, Al-Rfou & Constant 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning", arXiv:2104.08691,
section 2, and 3.2 for the starts.

Where we differ: the paper draws vocabulary starts from the 5,000 commonest tokens and random ones uniformly from ±0.5; PEFT
draws from the whole vocabulary, as here, and random ones from N(0, 1), whose norm is far beyond any token's. A text is read
without special tokens, which PEFT's has.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from afinar.errors import ConfigError, ModelError
from afinar.methods import exports, prompt_format
from afinar.methods.config import PromptTuning
from afinar.methods.head import head_count, head_state
from afinar.methods.training_state import copy_into
from afinar.methods.virtual_tokens import (
    MODULE,
    check_room,
    find_prompt,
    install,
    prompt_of,
    prompt_state,
    token_embeddings,
    width,
    without_prompt,
)

_SAMPLED = 1024  # rows of the vocabulary whose spread random starts get


class PromptRows(nn.Module):
    """The virtual tokens themselves, (P, D) in float32."""

    def __init__(self, start_PD: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding(start_PD.shape[0], start_PD.shape[1], _weight=start_PD.detach().float().clone())

    def forward(self) -> Tensor:
        """(P, D)."""
        return self.embedding.weight


class PromptTuningMethod:
    """Puts learnt embeddings before every sequence; its export is PEFT's format."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = False
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = False
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: PromptTuning) -> None:
        self.config = config
        self._text_ids: list[int] | None = None

    def use_tokenizer(self, tokenizer: PreTrainedTokenizerBase | None) -> None:
        """Read `init_text`; call it before :meth:`attach` where `init` is text. Raises ConfigError for a text of no token."""
        if self.config.init_text is None or tokenizer is None:
            return
        self._text_ids = list(tokenizer(self.config.init_text, add_special_tokens=False)["input_ids"])
        if not self._text_ids:
            raise ConfigError("prompts.init_text", init=self.config.init, got=self.config.init_text)

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base and put the prompt before it.

        Raises ModelError where the model already carries an adapter; ConfigError where the prompt leaves no positions, and
        for a start from a text that no tokenizer has read.
        """
        check_room(model, self.config.virtual_tokens)
        return install(model, PromptRows(self._start(model)), self.config.virtual_tokens)

    def trainable_count(self, model: PreTrainedModel) -> int:
        """P · D, plus the classification head."""
        return self.config.virtual_tokens * width(model) + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """The virtual tokens, and the classification head."""
        return prompt_state(model) | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, and `afinar.json`."""
        embeddings = prompt_of(model).embeddings().detach()
        exports.write_card(directory, self.config, model, base=base, task=task)
        prompt_format.write(directory, self.config, embeddings, model=model, base=base, task=task)

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or PEFT's own, onto its base. Raises ModelError where file and model do not belong together."""
        files = prompt_format.read(directory, self.config, model)
        embeddings = files.tensors[prompt_format.TENSOR]
        if find_prompt(model) is None:
            check_room(model, self.config.virtual_tokens)
            install(model, PromptRows(embeddings), self.config.virtual_tokens)
        copy_into(self.state(model), {f"{MODULE}.rows.embedding.weight": embeddings, **files.head})
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Raises ModelError: no weight of the base can stand for tokens before the sequence."""
        raise ModelError("methods.no_merge", name=self.config.name)

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """The base's own output, bit for bit. Raises ModelError without a prompt."""
        return without_prompt(model)

    @torch.no_grad()
    def _start(self, model: PreTrainedModel) -> Tensor:
        """(P, D): what the virtual tokens are before training."""
        embedding, count = token_embeddings(model), self.config.virtual_tokens
        if self.config.init == "text":
            if self._text_ids is None:
                raise ConfigError("prompts.no_tokenizer")
            repeated = self._text_ids * -(-count // len(self._text_ids))
            return _looked_up(embedding, torch.tensor(repeated[:count]))
        # On the CPU, so that one seed gives the same prompt on every device.
        if self.config.init == "vocabulary":
            return _looked_up(embedding, torch.randint(embedding.num_embeddings, (count,)))
        spread = _looked_up(embedding, torch.randint(embedding.num_embeddings, (_SAMPLED,))).std()
        return torch.randn(count, width(model)).to(spread) * spread


def _looked_up(embedding: nn.Embedding, ids_N: Tensor) -> Tensor:
    """(N, D): embeddings as the model's layers get them; Gemma's are scaled by the embedding itself."""
    found: Tensor = embedding(ids_N.to(embedding.weight.device)).float()
    return found

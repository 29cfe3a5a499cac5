"""P-tuning: learnt embeddings before every sequence, made by a small encoder that trains with them.

    p = encoder(E)        E (P, D) learnt, p (P, D) the virtual tokens, H the encoder's width

    mlp:   p = W3 relu(W2 relu(W1 E))                W1 (H, D)   W2 (H, H)   W3 (D, H), each with a bias
    lstm:  p = W2 relu(W1 [h→; h←])                  h the states of an LSTM along the prompt, both ways, H wide each;
                                                     W1 (2H, 2H)   W2 (D, 2H), each with a bias

The encoder ties the virtual tokens together while they train, which eases optimisation; afterwards only what it gives matters,
P·D numbers. :mod:`afinar.methods.virtual_tokens` puts them before every sequence.

Source: Liu et al. 2021, "GPT Understands, Too", arXiv:2103.10385, section 3.2.

Where we differ: the paper puts virtual tokens between the words of a template too; here, as in PEFT, all come first. The
encoders are PEFT's. Its files keep the virtual tokens only, so after a resume it trains a new encoder; the whole encoder is in
our training state, and in a file of its own beside PEFT's (see :mod:`afinar.methods.prompt_format`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.errors import ModelError
from afinar.methods import exports, prompt_format
from afinar.methods.config import PTuning
from afinar.methods.head import head_count, head_state
from afinar.methods.peft_files import WEIGHTS_FILE
from afinar.methods.prompt import PromptRows
from afinar.methods.training_state import copy_into
from afinar.methods.virtual_tokens import (
    check_room,
    find_prompt,
    install,
    prompt_of,
    prompt_state,
    width,
    without_prompt,
)
from afinar.models.modes import evaluating

ENCODER_FILE = "encoder.safetensors"


class PromptEncoder(nn.Module):
    """Makes P virtual tokens, (P, D), from an embedding of each and an MLP or LSTM over them.

    `encoder` is mlp or lstm; `layers` and `dropout` (between them, in training) are the LSTM's.
    """

    def __init__(self, tokens: int, width: int, *, encoder: str, hidden: int, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.lstm: nn.LSTM | None = None
        if encoder == "lstm":
            self.lstm = nn.LSTM(width, hidden, num_layers=layers, dropout=dropout, bidirectional=True, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(2 * hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, width))
        else:
            first, second, last = nn.Linear(width, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, width)
            self.mlp = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)

    def forward(self) -> Tensor:
        """(P, D)."""
        rows_1PD = self.embedding.weight[None]
        if self.lstm is not None:
            rows_1PD, _ = self.lstm(rows_1PD)
        encoded: Tensor = self.mlp(rows_1PD)[0]
        return encoded


def encoder_count(tokens: int, width: int, *, encoder: str, hidden: int, layers: int = 2) -> int:
    """Weights of a :class:`PromptEncoder`, its embedding among them."""
    if encoder == "mlp":
        return tokens * width + (width + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * width
    # four gates, each with an input matrix, a recurrent one and two biases, both ways
    inputs = [width, *[2 * hidden] * (layers - 1)]
    lstm = sum(2 * 4 * hidden * (size + hidden + 2) for size in inputs)
    return tokens * width + lstm + (2 * hidden + 1) * 2 * hidden + (2 * hidden + 1) * width


class PTuningMethod:
    """Puts an encoder's virtual tokens before every sequence; its export is PEFT's format and the encoder."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = False
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = False
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: PTuning) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base and put the encoder's tokens before it.

        Raises ModelError where the model already carries an adapter, ConfigError where the prompt leaves no positions.
        """
        check_room(model, self.config.virtual_tokens)
        return install(model, self._encoder(model), self.config.virtual_tokens)

    def trainable_count(self, model: PreTrainedModel) -> int:
        """The encoder and its P · D embedding, plus the classification head; P · D where PEFT's file left no encoder."""
        config, prompt = self.config, find_prompt(model)
        if prompt is not None and isinstance(prompt.rows, PromptRows):
            return config.virtual_tokens * width(model) + head_count(model)
        rows = encoder_count(
            config.virtual_tokens,
            width(model),
            encoder=config.encoder,
            hidden=self._hidden(model),
            layers=config.encoder_layers,
        )
        return rows + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """The encoder with its embedding, and the classification head."""
        return prompt_state(model) | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    @torch.no_grad()
    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write PEFT's two files, the encoder, and `afinar.json`."""
        prompt = prompt_of(model)
        exports.write_card(directory, self.config, model, base=base, task=task)
        with evaluating(prompt):  # dropout would go into the file, and its draws would not be there in a run that saves less
            embeddings = prompt.embeddings()
        prompt_format.write(directory, self.config, embeddings, model=model, base=base, task=task)
        if isinstance(prompt.rows, PromptEncoder):
            exports.write_tensors(Path(directory) / ENCODER_FILE, prompt_state(model))

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export onto its base: ours whole; of PEFT's own, the virtual tokens, which then train without an encoder.

        Raises ModelError where file and model do not belong together, and where the encoder does not give the tokens
        beside it.
        """
        files = prompt_format.read(directory, self.config, model)
        embeddings, path = files.tensors[prompt_format.TENSOR], Path(directory) / ENCODER_FILE
        own = exports.read_tensors(path) if path.exists() else None
        if find_prompt(model) is None:
            check_room(model, self.config.virtual_tokens)
            rows = PromptRows(embeddings) if own is None else self._encoder(model)
            install(model, rows, self.config.virtual_tokens)
        prompt = prompt_of(model)
        if own is None:
            prompt.rows = PromptRows(embeddings).to(next(prompt.parameters()).device)
        copy_into(self.state(model), (own or prompt_state(model)) | files.head)
        with evaluating(prompt):
            _check_agreement(prompt.embeddings(), embeddings, path)
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Raises ModelError: no weight of the base can stand for tokens before the sequence."""
        raise ModelError("methods.no_merge", name=self.config.name)

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """The base's own output, bit for bit. Raises ModelError without a prompt."""
        return without_prompt(model)

    def _hidden(self, model: PreTrainedModel) -> int:
        return self.config.encoder_hidden_size or width(model)

    def _encoder(self, model: PreTrainedModel) -> PromptEncoder:
        config = self.config
        return PromptEncoder(
            config.virtual_tokens,
            width(model),
            encoder=config.encoder,
            hidden=self._hidden(model),
            layers=config.encoder_layers,
            dropout=config.dropout,
        )


def _check_agreement(encoded_PD: Tensor, stored_PD: Tensor, path: Path) -> None:
    """PEFT can have written new tokens beside an old encoder."""
    if not torch.allclose(encoded_PD, stored_PD.to(encoded_PD), rtol=1e-3, atol=1e-3):
        raise ModelError("prompts.stale_encoder", path=path, file=WEIGHTS_FILE)

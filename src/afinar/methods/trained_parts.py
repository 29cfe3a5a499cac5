"""Parts of the base that train whole beside LoRA: the embeddings of a few tokens, and single layers.

    trained tokens    E'_t = R_i where t is the i-th of the n trained ids, else E_t         R (n, D), starts as E's rows
                      (in an LM head: logit of t is R_i · h, written E_t · h + (R_i - E_t) · h)
    trained layer     its parameters θ' in place of θ                                       θ' starts as θ

n · D weights teach a model tokens that were added to its vocabulary, where training all embeddings would take V · D. A layer
that trains whole (PEFT's `modules_to_save`) is kept beside the base's own, so that the base can be switched back to.

Source: PEFT's formats (`trainable_token_indices`, `modules_to_save`).

Where we differ: PEFT copies the whole (V, D) weight in every forward pass to put the n rows in; here the output is changed.

Shapes: V vocabulary, D hidden size, n trained tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from afinar.methods.adapted import Adapted, embedding_scale, foldable_weight


class TrainedTokens(Adapted):
    """Embeddings, or an LM head, in which the rows of some tokens train.

    ids (...) → (..., D) for embeddings, h (..., D) → (..., V) for a head; the trained rows are float32.
    token_ids: sorted, each once. tied: the embeddings whose rows a tied head shares.
    """

    base: nn.Embedding | nn.Linear
    token_ids: Tensor

    def __init__(self, base: nn.Embedding | nn.Linear, token_ids: Sequence[int], tied: TrainedTokens | None = None) -> None:
        super().__init__(base)
        device = base.weight.device
        self.register_buffer("token_ids", torch.tensor(token_ids, device=device), persistent=False)
        self._follows = tied is not None
        start = base.weight.detach()[self.token_ids].float().clone()
        self.token_rows: nn.Parameter = nn.Parameter(start) if tied is None else tied.token_rows

    def forward(self, x: Tensor) -> Tensor:
        """The base's output, with the trained tokens' part of it replaced."""
        y = self.base(x)
        if not self.active:
            return y
        if isinstance(self.base, nn.Embedding):
            rows = self.token_rows.to(y.dtype)
            place = torch.searchsorted(self.token_ids, x).clamp(max=len(self.token_ids) - 1)
            factor = embedding_scale(self.base)
            rows = rows if factor is None else rows * factor.to(y.dtype)
            return torch.where((self.token_ids[place] == x)[..., None], rows[place], y)
        # by the difference, so that the untrained head gives the base's logits to the bit
        moved = (self.token_rows - self.base.weight[self.token_ids]).to(y.dtype)
        return y.index_add(-1, self.token_ids, x.to(y.dtype) @ moved.t())

    @property
    def follows(self) -> bool:
        """Whether what trains is another's."""
        return self._follows

    def tensors(self) -> dict[str, Tensor]:
        """The trained rows (n, D); none where they are another's."""
        return {"token_rows": self.token_rows.detach()} if not self.follows else {}

    def count(self) -> int:
        """n · D."""
        return self.token_rows.numel() if not self.follows else 0

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """The whole weight with the rows in it."""
        weight = foldable_weight(self.base)
        return {"weight": weight.index_copy(0, self.token_ids, self.token_rows.detach().to(weight.dtype))}

    def extra_repr(self) -> str:
        return f"tokens={len(self.token_ids)}"


class TrainedLayer(Adapted):
    """A layer without others in it (embeddings, a head, a norm) that trains whole, beside the base's own.

    Its input and output are the layer's. tied: the trained embeddings whose weight a tied head shares.
    """

    def __init__(self, base: nn.Module, tied: TrainedLayer | None = None) -> None:
        super().__init__(base)
        self.modules_to_save = copy.deepcopy(base).float().requires_grad_(True)
        self._follows = tied is not None
        if tied is not None:
            self.modules_to_save.weight = tied.modules_to_save.weight

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The trained layer's output, computed in the base's dtype."""
        if not self.active:
            return self.base(*args, **kwargs)
        dtypes = {name: parameter.dtype for name, parameter in self.base.named_parameters()}
        weights = {name: parameter.to(dtypes[name]) for name, parameter in self.modules_to_save.named_parameters()}
        return functional_call(self.modules_to_save, weights, args, kwargs)

    @property
    def follows(self) -> bool:
        """Whether what trains is another's."""
        return self._follows

    def tensors(self) -> dict[str, Tensor]:
        """The trained parameters by their names in the layer; without the weight where it is another's."""
        trained = dict(self.modules_to_save.named_parameters())
        own = {name: tensor for name, tensor in trained.items() if not self.follows or name != "weight"}
        return {f"modules_to_save.{name}": tensor.detach() for name, tensor in own.items()}

    def count(self) -> int:
        """The layer's own size."""
        return sum(tensor.numel() for tensor in self.tensors().values())

    def folded(self) -> dict[str, Tensor]:
        """The trained parameters."""
        trained = dict(self.modules_to_save.named_parameters())
        return {name: trained[name].detach().to(own.dtype) for name, own in self.base.named_parameters()}

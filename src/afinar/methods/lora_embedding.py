"""LoRA on embeddings, and on an LM head that is one weight with them.

    E' = E + s · (B A)ᵀ       row of token t:  E_t + s · B A_t

    E (V, D)  the pretrained embeddings, frozen       A (r, V)   zero: training starts at the base model
                                                      B (D, r)   normal, standard deviation 1

    a tied head:  logits = E' h = E h + s · Aᵀ Bᵀ h    with the same A and B

Looking up A's columns costs r numbers a token; a row of E' is never formed in the forward pass.

Sources: Hu et al. 2021, arXiv:2106.09685; the initialisation is that of the authors' code and of PEFT.

Where we differ: PEFT gives a tied head parameters of its own that start as views of the embedding's, so that an optimizer
moves both; here it is one pair of matrices, with one gradient.

Shapes: V vocabulary, D hidden size, R rank.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afinar.methods.adapted import Adapted, embedding_scale, foldable_weight


class LoRAEmbedding(Adapted):
    """Embeddings with a low-rank update. ids (...) → (..., D), in the base's dtype; A and B are float32.

    dropout has no place here: ids have no values to drop, as in PEFT.
    """

    base: nn.Embedding

    def __init__(self, base: nn.Embedding, *, r: int, scale: float) -> None:
        super().__init__(base)
        self.r, self.scale = r, scale
        device = base.weight.device
        self.A = nn.Parameter(torch.zeros(r, base.num_embeddings, device=device))
        self.B = nn.Parameter(torch.randn(base.embedding_dim, r).to(device))

    def forward(self, ids: Tensor) -> Tensor:
        """E_t + s · B A_t for each token t, times the embeddings' own scale where they have one."""
        y = self.base(ids)
        if not self.active:
            return y
        low = F.embedding(ids, self.A.t(), padding_idx=self.base.padding_idx).to(y.dtype)
        factor = embedding_scale(self.base)
        update = F.linear(low, self.B.to(y.dtype)) * self.scale
        return y + (update if factor is None else update * factor.to(y.dtype))

    def tensors(self) -> dict[str, Tensor]:
        """A and B."""
        return {"A": self.A.detach(), "B": self.B.detach()}

    def count(self) -> int:
        """r · (V + D)."""
        return self.r * (self.base.num_embeddings + self.base.embedding_dim)

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """E + s · (B A)ᵀ."""
        weight = foldable_weight(self.base)
        return {"weight": (weight + (self.B @ self.A).t() * self.scale).to(weight.dtype)}

    def extra_repr(self) -> str:
        return f"r={self.r}, scale={self.scale:g}"


class TiedLoRAHead(Adapted):
    """An LM head that follows the update of the embeddings it is tied to. h (..., D) → (..., V); no parameters of its own."""

    base: nn.Linear

    def __init__(self, base: nn.Linear, embedding: LoRAEmbedding) -> None:
        super().__init__(base)
        self.followed = (embedding,)  # in a tuple, so that it is no submodule here as well

    def forward(self, h: Tensor) -> Tensor:
        """E h + b + s · Aᵀ Bᵀ h."""
        logits = self.base(h)
        if not self.active:
            return logits
        (embedding,) = self.followed
        low = F.linear(h, embedding.B.t().to(h.dtype))
        return logits + F.linear(low, embedding.A.t().to(h.dtype)) * embedding.scale

    @property
    def follows(self) -> bool:
        """Always."""
        return True

    def tensors(self) -> dict[str, Tensor]:
        """None of its own."""
        return {}

    def count(self) -> int:
        """None of its own."""
        return 0

    def folded(self) -> dict[str, Tensor]:
        """The folded embeddings themselves, so that both stay one weight."""
        (embedding,) = self.followed
        return {"weight": embedding.base.weight if embedding.merged else embedding.folded()["weight"]}

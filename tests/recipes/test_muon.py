"""Muon: orthogonal updates for the layers' matrices, AdamW for the rest."""

from __future__ import annotations

import pytest
import torch

from recipes.muon import MuonWithAdamW, orthogonalise
from tests.tiny import tiny_model


@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16)])
def test_singular_values_end_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalise(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3
    assert values.max() < 1.3
    aligned = left.T @ found @ right.T
    assert (aligned - torch.diag(aligned.diagonal())).abs().max() < 0.05


def test_other_parameters_take_the_step_of_adamw() -> None:
    model, twin = tiny_model(), tiny_model()
    ours = MuonWithAdamW(model, matrix_rate=0.02, other_rate=1e-2, weight_decay=0.0)
    theirs = torch.optim.AdamW(twin.parameters(), lr=1e-2, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)
    ids = torch.arange(6, 30).reshape(2, 12)
    for _ in range(3):
        for network, optimizer in ((model, ours), (twin, theirs)):
            optimizer.zero_grad()
            # the gradient of the embedding alone: the layers of the two part ways at once
            network.get_input_embeddings()(ids).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(model.get_input_embeddings().weight, twin.get_input_embeddings().weight)
    (matrices,) = [group["params"] for group in ours.param_groups if group["muon"]]
    assert {tuple(parameter.shape) for parameter in matrices} <= {(32, 32), (16, 32), (48, 32), (32, 48)}


def test_it_learns() -> None:
    model = tiny_model()
    optimizer = MuonWithAdamW(model, matrix_rate=0.02, other_rate=3e-3, weight_decay=0.01)
    ids = torch.arange(6, 30).reshape(2, 12)
    losses = []
    for _ in range(24):
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]

"""The innermost decoder: found in every architecture, for both tasks, and called once by every way through the model."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM

from afinar.errors import ModelError
from afinar.models.causal import supervise
from afinar.models.decoder import decoder_of
from afinar.models.heads import classify
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

TASKS = pytest.mark.parametrize("task", ["causal", "classification"])


@TASKS
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_way_through_the_model_calls_it_once(architecture: str, task: str) -> None:
    model = tiny_model(architecture, task)
    decoder = decoder_of(model)
    calls: list[int] = []
    decoder.register_forward_hook(lambda *_: calls.append(1))
    ids = torch.randint(3, VOCAB, (2, 6))
    model(input_ids=ids)
    assert len(calls) == 1
    if task == "causal":
        supervise(model)(input_ids=ids, labels=ids)
        model.generate(ids, max_new_tokens=2, min_new_tokens=2)
        assert len(calls) == 4
    else:
        classify(model)(input_ids=ids, labels=torch.tensor([0, 1]))
        assert len(calls) == 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_holds_the_layers_and_the_embeddings_but_no_head(architecture: str) -> None:
    model = tiny_model(architecture)
    decoder = decoder_of(model)
    assert decoder.get_input_embeddings() is model.get_input_embeddings()
    assert sum(isinstance(module, nn.ModuleList) and len(module) == 2 for _, module in decoder.named_children()) == 1
    assert all(module is not model.get_output_embeddings() for module in decoder.modules())


def test_it_is_found_inside_a_wrapper() -> None:
    model = tiny_model()
    assert decoder_of(nn.ModuleDict({"module": model})) is decoder_of(model) is model.model


def test_a_plain_module_is_refused() -> None:
    with pytest.raises(ModelError) as error:
        decoder_of(nn.Linear(2, 2))
    assert error.value.key == "prompts.no_decoder"


def test_an_encoder_is_refused() -> None:
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=32)
    with pytest.raises(ModelError) as error:
        decoder_of(BertForMaskedLM(config))
    assert error.value.key == "models.encoder"

"""LoRA against PEFT: files both ways, and the loss and gradients of one batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from afinar.errors import ModelError
from afinar.methods import peft_format, saved
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.methods.lora import LoRALayer, LoRAMethod, lora_layers
from afinar.models.causal import supervise
from afinar.models.heads import classify
from tests.methods import reference
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

TASKS = ("causal", "classification")
LABELS = 3
CLOSE = {"atol": 1e-5, "rtol": 1e-5}

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
every_task = pytest.mark.parametrize("task", TASKS)


def base(architecture: str, task: str = "causal", **overrides: Any) -> Any:
    return tiny_model(architecture, task, num_labels=LABELS, **overrides)


def scramble(tensors: dict[str, Tensor]) -> None:
    torch.manual_seed(3)
    for tensor in tensors.values():
        nn.init.normal_(tensor, std=0.2)


def batch(task: str = "causal", padded: bool = False) -> dict[str, Tensor]:
    """Three rows of 12 tokens; `padded` gives the second row three pad tokens on the right."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, VOCAB, (3, 12), generator=generator)
    mask = torch.ones_like(ids)
    if padded:
        mask[1, 9:] = 0
        ids[mask == 0] = 0
    labels = torch.tensor([2, 0, 1]) if task == "classification" else ids.masked_fill(mask == 0, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def logits(model: Any) -> Tensor:
    inputs = batch()
    del inputs["labels"]
    with torch.no_grad():
        return model(**inputs).logits


def exported(folder: Path, architecture: str, task: str, config: LoRA) -> Any:
    """A model of ours with a random adapter, and its export in `folder`."""
    method = LoRAMethod(config)
    model = method.attach(base(architecture, task))
    scramble(method.state(model))
    method.export(model, folder, base="some/base", task=task)
    return model


def of_peft(folder: Path, architecture: str, task: str = "causal", **config: Any) -> Any:
    """A PEFT model with a random adapter, and what PEFT saves of it in `folder`."""
    task_type = "CAUSAL_LM" if task == "causal" else "SEQ_CLS"
    options = {"r": 4, "lora_alpha": 6, "fan_in_fan_out": architecture == "gpt2", **config}
    model = peft.get_peft_model(base(architecture, task), peft.LoraConfig(task_type=task_type, **options)).eval()
    scramble({name: tensor.detach() for name, tensor in model.named_parameters() if tensor.requires_grad})
    model.save_pretrained(folder)
    return model


@every_task
@every_architecture
@pytest.mark.parametrize(
    "config", [LoRA(r=4, alpha=6), LoRA(r=4, alpha=6, rank_stabilised=True, target_modules="all-linear")], ids=["auto", "all"]
)
def test_ours_loads_in_plain_peft(architecture: str, task: str, config: LoRA, tmp_path: Path) -> None:
    model = exported(tmp_path, architecture, task, config)
    theirs = peft.PeftModel.from_pretrained(base(architecture, task), tmp_path).eval()
    assert not torch.equal(logits(theirs), logits(base(architecture, task)))
    torch.testing.assert_close(logits(theirs), logits(model), **CLOSE)


@every_task
@every_architecture
def test_peft_s_loads_here(architecture: str, task: str, tmp_path: Path) -> None:
    theirs = of_peft(tmp_path, architecture, task, target_modules="all-linear", use_rslora=True)
    card = saved.read(tmp_path)
    model = create(card.config).restore(base(architecture, task), tmp_path)
    torch.testing.assert_close(logits(model), logits(theirs), **CLOSE)
    assert card.task == task
    assert len(card.labels) == (LABELS if task == "classification" else 0)


@pytest.mark.parametrize(
    "targets",
    [
        {"target_modules": r"model\.layers\.1\.(self_attn\.(q|v)_proj|mlp\.up_proj)"},
        {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
        {"target_modules": ["q_proj", "v_proj"], "exclude_modules": ["model.layers.0.self_attn.q_proj"]},
        {"target_modules": "all-linear", "init_lora_weights": "gaussian"},
    ],
    ids=["pattern", "layers", "exclude", "gaussian"],
)
def test_the_layers_of_a_foreign_adapter_are_those_of_its_weights(targets: dict[str, Any], tmp_path: Path) -> None:
    theirs = of_peft(tmp_path, "llama", **targets)
    adapted = {name.removeprefix("base_model.model.") for name, module in theirs.named_modules() if hasattr(module, "lora_A")}
    model = create(saved.read(tmp_path).config).restore(base("llama"), tmp_path)
    assert lora_layers(model).keys() == adapted
    torch.testing.assert_close(logits(model), logits(theirs), **CLOSE)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@every_task
def test_files_survive_the_way_there_and_back_bit_for_bit(architecture: str, task: str, tmp_path: Path) -> None:
    exported(tmp_path / "ours", architecture, task, LoRA(r=4, alpha=6))
    theirs = peft.PeftModel.from_pretrained(base(architecture, task), tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    card = saved.read(tmp_path / "theirs")
    method = create(card.config)
    model = method.restore(base(architecture, task), tmp_path / "theirs")
    method.export(model, tmp_path / "again", base=card.base, task=task)
    first, last = (load_file(tmp_path / folder / "adapter_model.safetensors") for folder in ("ours", "again"))
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in first)


@pytest.mark.parametrize(
    "config",
    [{"bias": "all"}, {"lora_bias": True}, {"layer_replication": [[0, 2], [1, 2]]}, {"modules_to_save": ["mlp"]},
     {"trainable_token_indices": {"embed_tokens": [3, 4], "lm_head": [5]}}],
    ids=lambda config: next(iter(config)),
)  # fmt: skip
def test_what_peft_really_writes_of_other_features_is_refused(config: dict[str, Any], tmp_path: Path) -> None:
    of_peft(tmp_path, "llama", target_modules=["q_proj", "v_proj"], **config)
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key in ("methods.unsupported_peft", "methods.strange_tensors")


@every_architecture
def test_merged_weights_are_peft_s(architecture: str, tmp_path: Path) -> None:
    method = LoRAMethod(LoRA(r=4, alpha=6, target_modules="all-linear"))
    model = exported(tmp_path, architecture, "causal", method.config)
    theirs = peft.PeftModel.from_pretrained(base(architecture), tmp_path).merge_and_unload()
    ours = method.merge(model)
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-6, rtol=1e-6)


def pair(architecture: str, task: str, folder: Path, dtype: torch.dtype = torch.float32, **config: Any) -> tuple[Any, Any]:
    """The same adapted model, ours and PEFT's, ready to train."""
    settings = LoRA(**{"r": 4, "alpha": 6, "target_modules": "all-linear", **config})
    ours = exported(folder, architecture, task, settings).to(dtype)
    theirs = peft.PeftModel.from_pretrained(base(architecture, task), folder, is_trainable=True).to(dtype)
    return ours.train(), theirs.train()


def gradients(model: Any) -> dict[str, Tensor]:
    """Gradients by our names, whoever's model it is."""
    named = {}
    for name, parameter in model.named_parameters():
        name = name.removeprefix("base_model.model.").replace(".default", "").replace("modules_to_save.", "")
        if parameter.grad is not None:
            named[name.replace("lora_A.weight", "A").replace("lora_B.weight", "B")] = parameter.grad
    return named


def assert_same_step(ours: Any, theirs: Any, loss: Tensor, expected: Tensor, **tolerance: float) -> None:
    torch.testing.assert_close(loss, expected, **tolerance)
    loss.backward()
    expected.backward()
    got, wanted = gradients(ours), gradients(theirs)
    assert got.keys() == wanted.keys()
    for name, gradient in got.items():
        assert gradient.any(), name
        torch.testing.assert_close(gradient, wanted[name], **tolerance)


@every_architecture
def test_loss_and_gradients_are_transformers_and_peft_s(architecture: str, tmp_path: Path) -> None:
    ours, theirs = pair(architecture, "causal", tmp_path)
    inputs = batch(padded=True)
    assert_same_step(ours, theirs, supervise(ours)(**inputs).loss, theirs(**inputs).loss, **CLOSE)


@every_architecture
def test_classification_loss_and_gradients_too(architecture: str, tmp_path: Path) -> None:
    ours, theirs = pair(architecture, "classification", tmp_path)
    inputs = batch("classification", padded=True)  # pad is not eos and on the right, so PEFT's pooling is right here
    assert_same_step(ours, theirs, classify(ours)(**inputs).loss, theirs(**inputs).loss, **CLOSE)


def test_in_float64_a_whole_gpt2_agrees_to_1e_12(tmp_path: Path) -> None:
    ours, theirs = pair("gpt2", "causal", tmp_path, torch.float64)
    inputs = batch()
    assert_same_step(ours, theirs, ours(**inputs).loss, theirs(**inputs).loss, atol=1e-12, rtol=1e-12)


def test_dropout_draws_what_peft_s_draws(tmp_path: Path) -> None:
    ours, theirs = pair("llama", "causal", tmp_path, dropout=0.3)
    inputs = batch()
    torch.manual_seed(5)
    loss = ours(**inputs).loss
    torch.manual_seed(5)
    assert_same_step(ours, theirs, loss, theirs(**inputs).loss, **CLOSE)
    assert (loss - ours.eval()(**inputs).loss).abs() > 1e-5


def test_a_bfloat16_layer_errs_by_bfloat16_s_rounding_only() -> None:
    torch.manual_seed(0)
    A, B, W = torch.randn(8, 64), torch.randn(48, 8) / 50, torch.randn(48, 64).bfloat16()  # an update a tenth of W x
    x, g = torch.randn(256, 64).bfloat16(), torch.randn(256, 48).bfloat16()
    ours = LoRALayer(frozen(W), r=8, scale=2.0)
    ours.A.data, ours.B.data = A.clone(), B.clone()
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["0"])
    theirs = peft.get_peft_model(nn.Sequential(frozen(W)), config).base_model.model[0]
    a, b = theirs.lora_A["default"].weight, theirs.lora_B["default"].weight
    a.data, b.data = A.clone(), B.clone()
    y, peer = ours(x), theirs(x)
    y.backward(g)
    expected = reference.output(W, None, A, B, 2.0, x)
    assert distance(y, expected) < 1.1 * distance(peer, expected)
    # The gradients are rounded to bfloat16 once (8 bits of mantissa: 0.002 to 0.004); PEFT's float32 product is not.
    for got, exact in zip((ours.A.grad, ours.B.grad), reference.gradients(W, A, B, 2.0, x, g), strict=False):
        assert distance(got, exact) < 0.004


def frozen(W: Tensor) -> nn.Linear:
    layer = nn.Linear(W.shape[1], W.shape[0], bias=False, dtype=W.dtype)
    layer.weight = nn.Parameter(W.clone(), requires_grad=False)
    return layer


def distance(got: Tensor, exact: Tensor) -> float:
    return ((got.detach().double() - exact).norm() / exact.norm()).item()

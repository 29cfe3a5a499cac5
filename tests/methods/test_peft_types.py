"""Every technique of the installed PEFT, end to end on a tiny model: it works, or it is refused with the reason."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft import PeftType
from torch import Tensor

from afinar.errors import ConfigError, ModelError
from afinar.methods import saved
from afinar.methods.base import create
from afinar.methods.config import Peft
from afinar.methods.config.peft import REFUSED, known_types
from afinar.methods.peft_bridge import PROMPTS
from afinar.methods.peft_injected import ON_FOUR_BITS, PeftInjected
from afinar.models.quantize import dequantise
from tests.contracts.cases import batch, close, logits, scramble, training
from tests.tiny import tiny_model, tiny_quantised

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults

# What each technique needs to fit into a model 32 wide; PEFT's defaults are meant for large ones.
SETTINGS: dict[str, dict[str, Any]] = {
    "ADALORA": {"init_r": 4, "target_r": 2},
    "ADAPTION_PROMPT": {"adapter_len": 4, "adapter_layers": 1},
    "C3A": {"block_size": 8},
    "FOURIERFT": {"n_frequency": 50},
    "LORA": {"r": 4},
    "MISS": {"r": 8},
    "PSOFT": {"r": 8},
    "ROAD": {"group_size": 8},
    "SHIRA": {"r": 4},
    "TRAINABLE_TOKENS": {"token_indices": batch()["input_ids"].unique()[:3].tolist()},
    "VBLORA": {"vector_length": 8, "num_vectors": 12, "topk": 2},
    "VERA": {"r": 8},
    "WAVEFT": {"n_frequency": 64},
}
LAYERS = sorted(set(known_types()) - set(REFUSED) - set(PROMPTS))
USUAL = ("ADALORA", "BOFT", "LN_TUNING", "LOHA", "LOKR", "OFT", "VERA")
each = pytest.mark.parametrize(
    "kind", [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.slow) for kind in LAYERS]
)
tasks = pytest.mark.parametrize("task", ["causal", pytest.param("classification", marks=pytest.mark.slow)])


def made(kind: str) -> PeftInjected:
    method = create(Peft(peft_type=kind, **SETTINGS.get(kind, {})))
    assert isinstance(method, PeftInjected)
    return method


def base(task: str = "causal", seed: int = 0) -> Any:
    """Always the same model; what is drawn after it depends on `seed`."""
    model = tiny_model("llama", task, num_labels=3)
    torch.manual_seed(seed)
    return model


def adapted(kind: str, task: str = "causal") -> tuple[PeftInjected, Any]:
    method = made(kind)
    model = method.attach(base(task))
    scramble(training(model))
    return method, model


def test_every_technique_is_tried() -> None:
    assert set(known_types()) == {kind.value for kind in PeftType}
    assert set(LAYERS) | set(REFUSED) | set(PROMPTS) == set(known_types())
    assert set(LAYERS) >= ON_FOUR_BITS


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_rows_cannot_train_says_why(kind: str) -> None:
    with pytest.raises(ConfigError) as error:
        Peft(peft_type=kind)
    assert error.value.key == "peft.needs"
    assert kind in error.value.message


@tasks
@each
def test_it_starts_where_it_says_and_its_parameters_are_the_model_s(kind: str, task: str) -> None:
    method, plain = made(kind), base(task)
    before = logits(plain)
    count = method.trainable_count(base(task))
    model = method.attach(plain)
    assert model is plain
    assert not model.training
    assert torch.equal(logits(model), before) == method.starts_at_base
    wrapper = model.__dict__["_afinar_peft"]
    trained = {id(parameter) for parameter in wrapper.parameters() if parameter.requires_grad}
    assert trained == {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    assert count == method.trainable_count(model) == sum(tensor.numel() for tensor in training(model).values())
    with pytest.raises(ModelError) as error:
        method.attach(model)
    assert error.value.key == "methods.already_attached"


@tasks
@each
def test_the_state_holds_all_there_is(kind: str, task: str) -> None:
    """On a model that drew other random values, too."""
    method, model = adapted(kind, task)
    state = {name: value.clone() for name, value in method.state(model).items()}
    other = method.attach(base(task, seed=99))
    assert not torch.equal(logits(other), logits(model))
    method.load_state(other, state)
    assert torch.equal(logits(other), logits(model))


@tasks
@each
def test_the_export_comes_back_and_plain_peft_loads_it(kind: str, task: str, tmp_path: Path) -> None:
    method, model = adapted(kind, task)
    after = logits(model)
    method.export(model, tmp_path, base="some/base", task=task)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    card = saved.read(tmp_path)
    assert (card.config, card.task) == (method.config, task)
    close(logits(create(card.config).restore(base(task, seed=98), tmp_path)), after)
    close(logits(method.restore(method.attach(base(task, seed=97)), tmp_path)), after)

    theirs = peft.PeftModel.from_pretrained(base(task, seed=96), str(tmp_path)).eval()
    close(logits(theirs), after)
    if task == "classification" and "modules_to_save" not in Peft.open_fields(kind):
        return  # PEFT has no place for a trained head beside it, and saves none
    theirs.save_pretrained(str(tmp_path / "theirs"))
    foreign = saved.read(tmp_path / "theirs")
    assert foreign.task == task
    close(logits(create(foreign.config).restore(base(task, seed=95), tmp_path / "theirs")), after)


@tasks
@each
def test_switched_off_it_is_the_base(kind: str, task: str) -> None:
    method, model = adapted(kind, task)
    after, names = logits(model), training(model).keys()
    expected = base(task)
    if task == "classification":
        expected.score.load_state_dict(model.score.state_dict())
    with method.disabled(model):
        with method.disabled(model):
            pass
        assert torch.equal(logits(model), logits(expected))
    assert torch.equal(logits(model), after)
    assert training(model).keys() == names


@tasks
@each
def test_it_merges_or_says_that_it_cannot(kind: str, task: str) -> None:
    method, model = adapted(kind, task)
    after = logits(model)
    if not method.mergeable:
        with pytest.raises(ModelError) as error:
            method.merge(model)
        assert error.value.key == "methods.no_merge"
        assert torch.equal(logits(model), after)
        return
    merged = method.merge(model)
    close(logits(merged), after)
    plain = base(task)
    assert merged.state_dict().keys() == plain.state_dict().keys()
    assert {type(module) for module in merged.modules()} == {type(module) for module in plain.modules()}
    assert [module for module in merged.modules() if module._forward_hooks] == []


@each
def test_it_trains_on_a_quantised_base_or_refuses_it(kind: str) -> None:
    """On four bits it computes what it does on the same base with the weights written out."""
    pytest.importorskip("bitsandbytes")
    method, four = made(kind), copy.deepcopy(_four_bits())
    if not method.quantised_base:
        with pytest.raises(ConfigError) as error:
            method.attach(four)
        assert error.value.key == "peft.float_base"
        return
    before = logits(four)
    model = method.attach(four)
    scramble(training(model))
    plain = method.attach(dequantise(copy.deepcopy(_four_bits()), torch.float32).eval())
    method.load_state(plain, {name: value.clone() for name, value in method.state(model).items()})
    close(logits(model), logits(plain))
    model.train()(**batch(rows=4)).logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
    model.eval()
    with method.disabled(model):
        assert torch.equal(logits(model), before)


@functools.cache
def _four_bits() -> Any:
    return tiny_quantised("llama")


def test_a_quantised_base_is_not_merged_into() -> None:
    pytest.importorskip("bitsandbytes")
    method = made("VERA")
    with pytest.raises(ModelError) as error:
        method.merge(method.attach(copy.deepcopy(_four_bits())))
    assert error.value.key == "methods.merge_quantised"


@pytest.mark.parametrize("architecture", ["gpt2", "gpt_neox", "opt"])
def test_layers_of_other_architectures(architecture: str, tmp_path: Path) -> None:
    """GPT-2's Conv1D is stored the other way round."""
    method = create(Peft(peft_type="VERA", r=8, target_modules="all-linear"))
    model = method.attach(tiny_model(architecture))
    scramble(training(model))
    after = logits(model)
    method.export(model, tmp_path, base="some/base", task="causal")
    close(logits(method.restore(tiny_model(architecture), tmp_path)), after)
    close(logits(method.merge(model)), after)


# --- what a file or a config gets wrong ------------------------------------------------------------------------------


def test_another_technique_s_file_is_refused(tmp_path: Path) -> None:
    method, model = adapted("VERA")
    method.export(model, tmp_path, base="", task="causal")
    with pytest.raises(ModelError) as error:
        made("OFT").restore(base(), tmp_path)
    assert error.value.key == "methods.other_config"


def test_a_file_of_other_layers_is_refused(tmp_path: Path) -> None:
    method = create(Peft(peft_type="LOHA", r=4, target_modules=["o_proj"]))
    method.export(method.attach(base()), tmp_path, base="", task="causal")
    other = create(Peft(peft_type="LOHA", r=4, target_modules=["q_proj"]))
    with pytest.raises(ModelError) as error:
        other.restore(other.attach(base()), tmp_path)
    assert error.value.key == "peft.other_tensors"


def test_a_model_of_another_size_is_refused(tmp_path: Path) -> None:
    method, model = adapted("LOHA")
    method.export(model, tmp_path, base="", task="causal")
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(hidden_size=64), tmp_path)
    assert error.value.key == "methods.broken_file"


def test_the_head_cannot_be_a_target() -> None:
    with pytest.raises(ConfigError) as error:
        create(Peft(peft_type="LOHA", r=4, target_modules=["score"])).attach(base("classification"))
    assert error.value.key == "peft.adapts_head"


def test_starts_that_change_the_base_are_refused() -> None:
    with pytest.raises(ConfigError) as error:
        create(Peft(peft_type="LORA", init_lora_weights="pissa")).attach(base())
    assert error.value.key == "peft.changes_base"


def test_what_cannot_be_counted_without_weights_says_so() -> None:
    with torch.device("meta"):
        empty = type(base())(base().config)
    assert made("VERA").trainable_count(empty) == made("VERA").trainable_count(base())
    with pytest.raises(ModelError) as error:
        made("BOFT").trainable_count(empty)
    assert error.value.key == "peft.no_count"


def test_what_is_not_attached_says_so() -> None:
    for ask in (made("VERA").state, made("VERA").merge):
        with pytest.raises(ModelError) as error:
            ask(base())
        assert error.value.key == "methods.not_attached"


def test_what_peft_refuses_for_this_model_is_told() -> None:
    with pytest.raises(ConfigError) as error:
        create(Peft(peft_type="ROAD", group_size=64)).attach(base())
    assert error.value.key == "methods.peft_refuses"


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_what_trains_is_float32_on_a_coarse_base(dtype: torch.dtype) -> None:
    model = made("VERA").attach(base("classification").to(dtype))
    held: dict[str, Tensor] = training(model)
    assert {tensor.dtype for tensor in held.values()} == {torch.float32}
    assert "score.weight" in held

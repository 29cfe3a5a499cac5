from __future__ import annotations

import copy
import inspect

import pytest
import torch
import torch.nn.functional as F

from afinar.errors import ModelError
from afinar.models.heads import class_loss, classify, pool_last
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

TOKENS = torch.arange(3, 3 + 7)


def batch(side: str = "right", pad: int = 0) -> dict[str, torch.Tensor]:
    """Three rows of 7, 4 and 1 tokens."""
    lengths = [7, 4, 1]
    ids, mask = torch.full((3, 7), pad), torch.zeros(3, 7, dtype=torch.long)
    for row, n in enumerate(lengths):
        place = slice(0, n) if side == "right" else slice(7 - n, 7)
        ids[row, place], mask[row, place] = TOKENS[:n] + 10 * row, 1
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize(
    ("mask", "last"),
    [([1, 1, 1, 1], 3), ([1, 1, 0, 0], 1), ([0, 0, 1, 1], 3), ([0, 1, 1, 0], 2), ([1, 0, 0, 0], 0), ([0, 0, 0, 0], 3)],
)
def test_pool_last_takes_the_last_attended_position(mask, last):
    hidden_BTD = torch.arange(8.0).reshape(1, 4, 2)
    for kind in (torch.long, torch.bool, torch.float32):
        assert pool_last(hidden_BTD, torch.tensor([mask], dtype=kind)).tolist() == [[2.0 * last, 2.0 * last + 1]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_does_not_change_a_row(architecture, side):
    model = classify(tiny_model(architecture, "classification", num_labels=3))
    inputs = batch(side)
    with torch.no_grad():
        together = model(**inputs).logits
        for row, mask in enumerate(inputs["attention_mask"]):
            alone = model(input_ids=inputs["input_ids"][row][mask.bool()][None]).logits
            torch.testing.assert_close(together[row], alone[0], rtol=0, atol=2e-6)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_id_of_the_padding_does_not_matter(architecture):
    model = classify(tiny_model(architecture, "classification"))
    with torch.no_grad():
        assert torch.equal(model(**batch(pad=0)).logits, model(**batch(pad=2)).logits)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_unpadded_logits_equal_transformers(architecture):
    model = tiny_model(architecture, "classification", num_labels=3)
    ids = torch.randint(3, VOCAB, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        assert torch.equal(classify(model)(input_ids=ids, attention_mask=torch.ones_like(ids)).logits, theirs)


def test_loss_is_the_mean_cross_entropy():
    model = classify(tiny_model("llama", "classification", num_labels=3))
    labels = torch.tensor([0, 2, 1])
    output = model(**batch(), labels=labels)
    torch.testing.assert_close(output.loss, F.cross_entropy(output.logits, labels))


@pytest.mark.parametrize("num_items", [3, torch.tensor(3)])
def test_accumulated_gradients_equal_those_of_the_whole_batch(num_items):
    model = classify(tiny_model("llama", "classification", num_labels=3))
    labels, inputs = torch.tensor([0, 2, 1]), batch()
    model(**inputs, labels=labels).loss.backward()
    whole = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    for rows in (slice(0, 2), slice(2, 3)):
        micro = {name: tensor[rows] for name, tensor in inputs.items()}
        model(**micro, labels=labels[rows], num_items_in_batch=num_items).loss.backward()
    for parameter, grad in zip(model.parameters(), whole, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-4, atol=1e-7)


def test_label_smoothing_and_rows_without_a_label():
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 9.0]])
    smoothed = class_loss(logits[:1], torch.tensor([1]), label_smoothing=0.3)
    log_p = logits[0].log_softmax(0)
    torch.testing.assert_close(smoothed, -(0.7 * log_p[1] + 0.3 * log_p.mean()))
    torch.testing.assert_close(class_loss(logits, torch.tensor([1, -100])), class_loss(logits[:1], torch.tensor([1])))
    assert class_loss(logits, torch.tensor([-100, -100])).item() == 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_weighted_micro_batches_add_up_to_the_weighted_mean(smoothing):
    """Whole weights are repeated rows."""
    model = classify(tiny_model("llama", "classification", num_labels=3))
    labels, inputs, times = torch.tensor([0, 2, 1]), batch(), torch.tensor([2, 0, 3])
    repeated = {name: tensor.repeat_interleave(times, 0) for name, tensor in inputs.items()}
    whole = model(**repeated, labels=labels.repeat_interleave(times), label_smoothing=smoothing).loss
    whole.backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    total = 0.0
    for rows in (slice(0, 2), slice(2, 3)):
        micro = {name: tensor[rows] for name, tensor in inputs.items()}
        options = {"weights": times[rows].float(), "num_items_in_batch": torch.tensor(5.0), "label_smoothing": smoothing}
        loss = model(**micro, labels=labels[rows], **options).loss
        loss.backward()
        total += loss.item()
    assert total == pytest.approx(whole.item(), rel=1e-5)
    for parameter, grad in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-4, atol=1e-7)


def test_class_weights_against_autograd_in_float64():
    logits = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels, weights = torch.tensor([0, 2, -100, 1]), torch.tensor([0.5, 2.0, 9.0, 0.0])
    assert torch.autograd.gradcheck(lambda z: class_loss(z, labels, weights_B=weights, label_smoothing=0.1), logits)
    log_p = logits.log_softmax(-1)
    expected = -(0.5 * log_p[0, 0] + 2.0 * log_p[1, 2]) / 2.5  # the unlabelled row counts for nothing
    torch.testing.assert_close(class_loss(logits, labels, weights_B=weights), expected)
    assert class_loss(logits, labels, weights_B=torch.zeros(4)).item() == 0


@pytest.mark.parametrize(
    ("settings", "got"),
    [({"num_labels": 1}, "regression"), ({"problem_type": "multi_label_classification"}, "multi_label_classification")],
)
def test_regression_and_several_labels_at_once_are_refused(settings, got):
    """A cross-entropy over one class is 0 whatever the model says."""
    with pytest.raises(ModelError) as caught:
        classify(tiny_model("llama", "classification", **settings))
    assert caught.value.key == "models.problem_type"
    assert caught.value.values == {"got": got}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast(dtype):
    model, labels = classify(tiny_model("llama", "classification", num_labels=3)), torch.tensor([0, 2, 1])
    exact = model(**batch(), labels=labels)
    with torch.autocast("cpu", dtype):
        output = model(**batch(), labels=labels)
    assert output.logits.dtype == output.loss.dtype == torch.float32
    torch.testing.assert_close(output.loss, exact.loss, rtol=1e-2, atol=1e-2)
    output.loss.backward()
    assert {parameter.grad.dtype for parameter in model.parameters()} == {torch.float32}


def test_loss_and_logits_are_float32_over_a_bfloat16_decoder_with_a_float32_head():
    model = tiny_model("llama", "classification").to(torch.bfloat16)
    model.score.to(torch.float32)
    output = classify(model)(**batch(), labels=torch.tensor([0, 1, 0]))
    assert output.logits.dtype == output.loss.dtype == torch.float32
    output.loss.backward()
    assert model.score.weight.grad.dtype == torch.float32
    assert model.score.weight.grad.abs().sum() > 0


def test_a_copy_runs_its_own_weights():
    model = classify(tiny_model("llama", "classification"))
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.score.weight.zero_()
        assert twin(**batch()).logits.abs().sum() == 0
        assert model(**batch()).logits.abs().sum() > 0


def test_an_embedded_prompt_is_pooled_too():
    model = classify(tiny_model("gpt2", "classification"))
    inputs = batch()
    embeds = model.get_input_embeddings()(inputs["input_ids"])
    with torch.no_grad():
        torch.testing.assert_close(
            model(inputs_embeds=embeds, attention_mask=inputs["attention_mask"]).logits, model(**inputs).logits
        )


def test_return_dict_false_gives_a_tuple():
    model = classify(tiny_model("llama", "classification"))
    loss, logits = model(**batch(), labels=torch.tensor([0, 1, 0]), return_dict=False)
    assert loss.shape == ()
    assert logits.shape == (3, 2)


def test_the_signature_names_what_trainer_looks_for():
    parameters = inspect.signature(classify(tiny_model("gpt2", "classification")).forward).parameters
    assert {"input_ids", "attention_mask", "labels", "num_items_in_batch"} <= set(parameters)


@pytest.mark.parametrize("first", ["classify", "wrap"])
def test_inside_a_peft_model(first):
    from peft import LoraConfig, TaskType, get_peft_model

    with torch.no_grad():
        before = classify(tiny_model("llama", "classification"))(**batch("left")).logits
    model = tiny_model("llama", "classification")
    # PEFT wraps the score layer of a classifier by itself (modules_to_save)
    config = LoraConfig(task_type=TaskType.SEQ_CLS, r=2, target_modules=["q_proj"])
    wrapped = get_peft_model(classify(model), config) if first == "classify" else classify(get_peft_model(model, config))
    output = wrapped(**batch("left"), labels=torch.tensor([0, 1, 0]), num_items_in_batch=3)
    torch.testing.assert_close(output.logits, before)
    output.loss.backward()
    trained = {name for name, p in wrapped.named_parameters() if p.requires_grad}
    assert trained == {name for name, p in wrapped.named_parameters() if p.grad is not None}
    assert any("score" in name for name in trained)


def test_prefix_tuning_of_peft_pools_the_row_and_not_the_prefix():
    from peft import PrefixTuningConfig, TaskType, get_peft_model

    config = PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=3)
    torch.manual_seed(0)
    wrapped = get_peft_model(classify(tiny_model("llama", "classification")), config).eval()
    inputs = batch()
    with torch.no_grad():
        together = wrapped(**inputs).logits
        alone = wrapped(input_ids=inputs["input_ids"][1:2, :4], attention_mask=torch.ones(1, 4, dtype=torch.long)).logits
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=2e-6)


def _rank(rank: int, folder: str) -> None:
    """One of two processes: the gradient of its rows, averaged by DDP with the other's."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model = classify(tiny_model("llama", "classification", num_labels=3))
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    rows = slice(0, 2) if rank == 0 else slice(2, 3)
    micro = {name: tensor[rows] for name, tensor in batch("left").items()}
    loss = wrapped(**micro, labels=torch.tensor([0, 2, 1])[rows], num_items_in_batch=3).loss
    (2 * loss).backward()  # DDP takes the mean over processes
    torch.save({name: p.grad for name, p in model.named_parameters()}, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_ddp_sees_the_backward_pass_of_every_weight(tmp_path):
    """A loss computed outside the wrapped forward would reach DDP's hooks with no gradient at all, silently."""
    reduced: list[int] = []

    def count(state, bucket):  # DDP takes no annotations that are strings, which those of this module are
        reduced.append(bucket.buffer().numel())
        future: torch.futures.Future[torch.Tensor] = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future

    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model = classify(tiny_model("llama", "classification", num_labels=3))
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        wrapped.register_comm_hook(None, count)
        wrapped(**batch("left"), labels=torch.tensor([0, 2, 1]), num_items_in_batch=3).loss.backward()
    finally:
        torch.distributed.destroy_process_group()
    assert sum(reduced) == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_the_whole_batch(tmp_path):
    torch.multiprocessing.spawn(_rank, (str(tmp_path),), nprocs=2)
    model = classify(tiny_model("llama", "classification", num_labels=3))
    model(**batch("left"), labels=torch.tensor([0, 2, 1])).loss.backward()
    for rank in (0, 1):
        gradients = torch.load(tmp_path / f"{rank}.pt")
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=1e-7, msg=name)


def test_a_model_without_a_score_layer_is_refused():
    with pytest.raises(ModelError) as caught:
        classify(tiny_model("llama"))
    assert caught.value.key == "models.no_score_layer"
    assert "LlamaForCausalLM" in str(caught.value)


def test_a_forward_without_inputs_is_a_type_error():
    with pytest.raises(TypeError, match="input_ids"):
        classify(tiny_model("llama", "classification"))()

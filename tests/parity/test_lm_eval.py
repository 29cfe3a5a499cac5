"""What lm-evaluation-harness makes of the same texts: rows as they are trained, whole documents, pairs, and its own tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from afinar.data.collate import Collator
from afinar.data.documents import Document
from afinar.data.prepare import prepare_source
from afinar.evaluation import likelihood
from afinar.evaluation.harness import find_tasks, run_tasks
from afinar.evaluation.perplexity import evaluate_causal
from afinar.evaluation.rolling import Rolling, choose_rolling, rolling_rows
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.methods.config.prefix import PrefixTuning
from afinar.methods.config.prompts import PromptTuning
from afinar.models.causal import supervise
from afinar.models.generation import last_position
from afinar.run.session import load
from tests.evaluation.tasks import write_tasks
from tests.tiny import tiny_model, tiny_tokenizer

lm_eval = pytest.importorskip("lm_eval.evaluator") and pytest.importorskip("lm_eval")
huggingface = pytest.importorskip("lm_eval.models.huggingface")
instance = pytest.importorskip("lm_eval.api.instance")

TEXTS = ["O velho relógio parou às três.", "Já não chove", "Ela abriu a carta, leu-a e sorriu — sem dizer palavra."]
PAIRS = [("Capital do Brasil?", " Brasília"), ("2 + 2 =", " quatro, é claro"), ("Diga oi.", " Oi! 🙂")]


LONG = [
    "Não chove há semanas, e a terra do quintal abriu fendas por onde somem as formigas. " * 3,
    "Curto.",
    "O trem das sete passou vazio — só o maquinista acenou.\n\nNinguém respondeu; era domingo. " * 2,
]
CONTINUED = [
    ("A capital do Brasil é", " Brasília"),
    ("A capital do Brasil é ", "Brasília"),
    ("", "Bom dia, minha gente."),
    ("   ", "Bom dia"),
    ("Ela fechou a port", "a devagar, sem olhar para trás"),  # the word is cut in its middle
    ("2 + 2 =", " 4"),
    ("linha\n\n", "outra linha"),
    ("muito " * 300, "longe"),  # the beginning does not fit
]


def harness(model: Any, tokenizer: Any, **options: Any) -> Any:
    # Without add_bos_token=False a text would begin with two BOS, and the second would be scored as a part of it.
    settings = {"add_bos_token": False, "batch_size": 2, **options}
    return huggingface.HFLM(
        pretrained=model, tokenizer=tokenizer, backend="causal", softmax_dtype="float32", device="cpu", **settings
    )


def log_likelihoods(method: Callable[..., Any], requests: list[tuple[str, ...]]) -> list[Any]:
    kind = method.__name__
    made = [instance.Instance(kind, {}, arguments, index) for index, arguments in enumerate(requests)]
    return method(made, disable_tqdm=True)


def write(path: Path, rows: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def tokenizer() -> Any:
    """Byte tokens, BOS before each text, no chat template: a prompt and its completion are one text."""
    made = tiny_tokenizer(chat=False)
    made.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return made


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "opt"])
def test_texts_equal_rolling_log_likelihoods(architecture, tokenizer, tmp_path):
    model = supervise(tiny_model(architecture))
    rows = prepare_source(write(tmp_path / "a.jsonl", [{"text": t} for t in TEXTS]), tokenizer, task="causal", max_length=128)
    ours = evaluate_causal(model, rows, Collator(tokenizer.pad_token_id))
    # the harness begins each text with BOS itself; afinar also scores the EOS, which a model must learn to put
    theirs = -math.fsum(log_likelihoods(harness(model, tokenizer).loglikelihood_rolling, [(t + "<eos>",) for t in TEXTS]))
    n_bytes = sum(len(t.encode()) for t in TEXTS)
    assert ours["tokens"] == n_bytes + len(TEXTS)
    assert ours["loss"] == pytest.approx(theirs / ours["tokens"], rel=1e-6)
    assert ours["perplexity"] == pytest.approx(math.exp(theirs / ours["tokens"]), rel=1e-5)
    assert ours["bits_per_byte"] == pytest.approx(theirs / math.log(2) / n_bytes, rel=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_completions_equal_conditional_log_likelihoods(architecture, tokenizer, tmp_path):
    model = supervise(tiny_model(architecture))
    source = write(tmp_path / "a.jsonl", [{"prompt": p, "completion": c} for p, c in PAIRS])
    rows = prepare_source(source, tokenizer, task="causal", max_length=128)
    ours = evaluate_causal(model, rows, Collator(tokenizer.pad_token_id), batch_tokens=64)
    requests = [("<bos>" + prompt, completion + "<eos>") for prompt, completion in PAIRS]
    scored = log_likelihoods(harness(model, tokenizer).loglikelihood, requests)
    assert ours["tokens"] == sum(len(c.encode()) + 1 for _, c in PAIRS)
    assert ours["loss"] == pytest.approx(-math.fsum(ll for ll, _ in scored) / ours["tokens"], rel=1e-6)


def test_an_adapter_is_scored_on_and_off(tokenizer, tmp_path):
    model, method = adapted()
    rows = prepare_source(write(tmp_path / "a.jsonl", [{"text": t} for t in TEXTS]), tokenizer, task="causal", max_length=128)

    def both() -> tuple[float, float]:
        ours = evaluate_causal(model, rows, Collator(tokenizer.pad_token_id))
        theirs = log_likelihoods(harness(model, tokenizer).loglikelihood_rolling, [(t + "<eos>",) for t in TEXTS])
        assert ours["loss"] == pytest.approx(-math.fsum(theirs) / ours["tokens"], rel=1e-6)
        return ours["loss"], math.fsum(theirs)

    on = both()
    with method.disabled(model):
        off = both()
    assert abs(on[0] - off[0]) > 1e-3


# --- whole documents ---------------------------------------------------------------------------------------------------


def documents(texts: list[str]) -> list[Document]:
    return [Document(text, "a.txt", line) for line, text in enumerate(texts, start=1)]


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "opt"])
@pytest.mark.parametrize("window", [128, 40])
def test_documents_longer_than_the_window_equal_rolling_log_likelihoods(architecture, window, tokenizer):
    model = supervise(tiny_model(architecture))
    ours = rolling_rows(model, tokenizer, documents(LONG), choose_rolling(model, window=window))
    theirs = log_likelihoods(harness(model, tokenizer, max_length=window).loglikelihood_rolling, [(t,) for t in LONG])
    assert max(len(text.encode()) for text in LONG) > window
    assert -ours.losses == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(64, 16), (64, 63), (33, 1), (128, 100)])
def test_strides_equal_the_windows_of_the_harness(window, stride, tokenizer):
    model = supervise(tiny_model())
    theirs = harness(model, tokenizer, max_length=window)
    for text in LONG:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        windows = lm_eval.utils.get_rolling_token_windows(ids, 1, window, window - stride + 1)
        requests = [(None, *lm_eval.utils.make_disjoint_window(pair)) for pair in windows]
        expected = math.fsum(nats for nats, _ in theirs._loglikelihood_tokens(requests, disable_tqdm=True))
        ours = rolling_rows(model, tokenizer, documents([text]), Rolling(window, stride))
        assert -ours.losses[0] == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def mini() -> Any:
    """The embedded model: a vocabulary with merges, no BOS, half precision on disk."""
    return load("afinar-mini", offline=True)


def test_the_embedded_models_figures_equal_the_harness_metrics(mini):
    ours = rolling_rows(mini.model, mini.tokenizer, documents(LONG), choose_rolling(mini.model, window=48)).metrics()
    scored = log_likelihoods(harness(mini.model, mini.tokenizer, max_length=48).loglikelihood_rolling, [(t,) for t in LONG])
    items = [(nats, len(text.encode())) for nats, text in zip(scored, LONG, strict=True)]
    assert ours["bits_per_byte"] == pytest.approx(lm_eval.api.metrics.bits_per_byte(items), rel=1e-5)
    assert ours["byte_perplexity"] == pytest.approx(lm_eval.api.metrics.weighted_perplexity(items), rel=1e-5)


def test_documents_are_scored_with_the_adapter_on_and_off(tokenizer):
    model, method = adapted()

    def both() -> float:
        ours = rolling_rows(model, tokenizer, documents(LONG), Rolling(50, 50)).losses.sum()
        theirs = log_likelihoods(harness(model, tokenizer, max_length=50).loglikelihood_rolling, [(t,) for t in LONG])
        assert -ours == pytest.approx(math.fsum(theirs), rel=1e-5)
        return float(ours)

    on = both()
    with method.disabled(model):
        off = both()
    assert abs(on - off) > 0.1


# --- texts after contexts ----------------------------------------------------------------------------------------------


def test_pairs_equal_log_likelihoods_with_a_vocabulary_of_merges(mini):
    check_pairs(mini.model, mini.tokenizer, CONTINUED)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2"])
@pytest.mark.parametrize("bos", [True, False])
def test_pairs_equal_log_likelihoods(architecture, bos, tokenizer):
    check_pairs(supervise(tiny_model(architecture)), tokenizer if bos else tiny_tokenizer(chat=False), CONTINUED[:-1])


def test_contexts_are_cut_where_the_harness_cuts_them(tokenizer):
    check_pairs(supervise(tiny_model("gpt2")), tokenizer, [("a " * 100, "longe"), ("", "b" * 128)])


def test_one_text_cut_at_two_places(mini):
    """With its cache the harness scores the shorter continuation at the positions of the longer one."""
    pairs = [
        ("O trem das sete passou", " vazio."),
        ("O trem das sete", " passou vazio."),
        ("O trem", " das sete passou vazio."),
    ]
    uncached = harness(mini.model, mini.tokenizer, add_bos_token=None, logits_cache=False)
    theirs = log_likelihoods(uncached.loglikelihood, pairs)
    ours = likelihood.log_likelihoods(mini.model, mini.tokenizer, pairs)
    assert [one.nats for one in ours] == pytest.approx([nats for nats, _ in theirs], rel=1e-5)


def test_pairs_in_half_precision_equal_log_likelihoods(tokenizer):
    check_pairs(supervise(tiny_model().bfloat16()), tokenizer, CONTINUED[:-1], rel=2e-2)


def check_pairs(model: Any, tokenizer: Any, pairs: list[tuple[str, str]], rel: float = 1e-5) -> None:
    # a context of blanks alone leaves the harness nothing to score after, unless the tokenizer begins it with BOS
    asked = [pair if pair[0].strip() else ("", pair[0] + pair[1]) for pair in pairs]
    theirs = log_likelihoods(harness(model, tokenizer, add_bos_token=None).loglikelihood, asked)
    ours = likelihood.log_likelihoods(model, tokenizer, pairs, batch_tokens=200)
    assert [one.nats for one in ours] == pytest.approx([nats for nats, _ in theirs], rel=rel)
    assert [one.greedy for one in ours] == [greedy for _, greedy in theirs]


@pytest.mark.parametrize("config", [PrefixTuning(virtual_tokens=5), PromptTuning(virtual_tokens=5)])
def test_what_stands_before_a_row_is_not_scored(config, tokenizer):
    """Prompts and prefixes take positions from the rows; the harness is told how many are left."""
    model, method = supervise(tiny_model("gpt2")), create(config)
    method.attach(model)
    pairs = [("Oi,", " você"), ("a " * 100, "longe"), ("", "b" * last_position(model))]
    scored = log_likelihoods(harness(model, tokenizer, add_bos_token=None, max_length=123).loglikelihood, pairs)
    ours = likelihood.log_likelihoods(model, tokenizer, pairs)
    assert last_position(model) == 123
    assert [one.nats for one in ours] == pytest.approx([nats for nats, _ in scored], rel=1e-5)


def test_a_model_wrapped_by_peft_is_scored_as_the_harness_scores_it(tokenizer):
    peft = pytest.importorskip("peft")
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    model = supervise(peft.get_peft_model(tiny_model(), config).eval())
    pairs = [pair for pair in CONTINUED if pair[0].strip()]
    scored = log_likelihoods(harness(model, tokenizer, add_bos_token=None, max_length=124).loglikelihood, pairs)
    ours = likelihood.log_likelihoods(model, tokenizer, pairs)
    assert [one.nats for one in ours] == pytest.approx([nats for nats, _ in scored], rel=1e-5)


# --- the harness's own tasks -------------------------------------------------------------------------------------------


def test_tasks_are_what_the_harness_makes_of_the_merged_model(tokenizer, tmp_path):
    names = ["tudo_pt", "texto_pt", "escrita_pt"]
    folder = write_tasks(tmp_path / "tasks")
    model, method = adapted()
    ours = run_tasks(model, tokenizer, find_tasks(names, folder=folder, offline=True))
    merged = method.merge(model)
    manager = lm_eval.tasks.TaskManager(include_path=str(folder), include_defaults=False)
    theirs = lm_eval.evaluator.simple_evaluate(
        harness(merged, tokenizer, add_bos_token=None), tasks=names, task_manager=manager, bootstrap_iters=10
    )
    results = {**theirs["results"], **theirs["groups"]}
    assert {result.name for result in ours} == set(results)
    for result in ours:
        expected = {name.removesuffix(",none"): value for name, value in results[result.name].items() if "," in name}
        assert result.n == results[result.name]["sample_len"]
        for name, value in result.metrics.items():
            assert value == pytest.approx(expected[name], rel=1e-4)
        for name, value in result.errors.items():
            assert value == pytest.approx(expected[f"{name}_stderr"], rel=1e-4)


def adapted() -> Any:
    """A model with a LoRA whose weights are far from where they begin, and the method."""
    model, method = supervise(tiny_model()), create(LoRA(r=2))
    method.attach(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model, method

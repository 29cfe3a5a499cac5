"""Perplexity and log-likelihoods beside lm-evaluation-harness, on the same model and texts: how far apart.

    AFINAR_DATA=DATA python -m benchmarks.cpu.harness      # DATA holds noticias/ and literatura/, valid.jsonl each
    python -m benchmarks.cpu.harness --only pairs          # the other figures stay; without DATA the bundled reviews stand in

Documents: passages, and passages joined until they are longer than any window. Pairs: a passage cut between two words. Both
sides take the same model in memory, documents in float32 and bfloat16, the harness with `softmax_dtype="float32"`; its
windows for other strides than its own are made by its `get_rolling_token_windows`. One thread. Written: `harness.json`, and
`harness.md` of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
WINDOWS = ((1024, 1024), (256, 256), (256, 64))
PASSAGES, JOINED, PAIRS = 20, 2, 100


def main() -> None:
    """Measure both sides and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("AFINAR_DATA"))
    parser.add_argument("--only", choices=("documents", "pairs"), help="measure these anew; the other figures stay")
    options = parser.parse_args()
    data = options.data
    sets = {name: texts_of(data, name) for name in ("noticias", "literatura")} if data else {"resenhas": bundled_texts()}
    import torch

    torch.set_num_threads(1)
    kept = json.loads((RESULTS / "harness.json").read_text(encoding="utf-8")) if options.only else {}
    found: dict[str, Any] = {**kept, "environment": environment()}
    if options.only != "pairs":
        found["documents"] = [
            {"set": name, "dtype": dtype, **of_documents(*embedded(dtype), texts, *how)}
            for dtype, windows in (("float32", WINDOWS), ("bfloat16", WINDOWS[:1]))
            for name, texts in sets.items()
            for how in windows
        ]
    if options.only != "documents":
        model, tokenizer = embedded("float32")
        found["pairs"] = [{"set": name, "dtype": "float32", **of_pairs(model, tokenizer, sets[name])} for name in sets]
    (RESULTS / "harness.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "harness.md").write_text(table(found), encoding="utf-8")
    print(table(found))


# --- texts and model -----------------------------------------------------------------------------------------------------


def texts_of(data: Path, name: str) -> list[str]:
    """The first passages of a held-out file, and some that are many joined."""
    with (Path(data) / name / "valid.jsonl").open(encoding="utf-8") as lines:
        passages = [json.loads(line)["text"] for line in itertools.islice(lines, PASSAGES + 12 * JOINED)]
    return with_long_ones(passages)


def bundled_texts() -> list[str]:
    """The bundled reviews, in the same shape."""
    from afinar.data import bundled

    lines = bundled.path("afinar/sentimento", "valid").read_text(encoding="utf-8").splitlines()
    return with_long_ones([json.loads(line)["text"] for line in lines])


def with_long_ones(passages: list[str]) -> list[str]:
    rest = passages[PASSAGES:]
    step = max(1, len(rest) // JOINED)
    return passages[:PASSAGES] + ["\n".join(rest[start : start + step]) for start in range(0, step * JOINED, step)]


def embedded(dtype: str) -> tuple[Any, Any]:
    """The embedded model and its tokenizer."""
    from afinar.models.causal import supervise
    from afinar.models.config import ModelConfig
    from afinar.models.load import load_model, load_tokenizer

    config = ModelConfig(name="afinar-mini", dtype=dtype, device="cpu")
    return supervise(load_model(config, task="causal", offline=True)), load_tokenizer(config, offline=True)


# --- the two sides -------------------------------------------------------------------------------------------------------


def of_documents(model: Any, tokenizer: Any, texts: list[str], window: int, stride: int) -> dict[str, Any]:
    """Bits per byte by both, and the largest relative difference of one document."""
    from afinar.data.documents import Document
    from afinar.evaluation.rolling import Rolling, rolling_rows

    documents = [Document(text, "texts", line) for line, text in enumerate(texts, start=1)]
    ours = rolling_rows(model, tokenizer, documents, Rolling(window, stride))
    theirs = rolling(harness(model, tokenizer, window), tokenizer, texts, window, stride)
    n_bytes = sum(len(text.encode()) for text in texts)
    return {
        "window": window,
        "stride": stride,
        "n": len(texts),
        "tokens": int(ours.tokens.sum()),
        "longest_tokens": int(ours.tokens.max()),
        "bits_per_byte": ours.metrics()["bits_per_byte"],
        "harness_bits_per_byte": -math.fsum(theirs) / math.log(2) / n_bytes,
        "largest_relative_difference": max(abs(a + b) / abs(b) for a, b in zip(ours.losses, theirs, strict=True)),
        "signature": str(ours.signature),
    }


def of_pairs(model: Any, tokenizer: Any, texts: list[str]) -> dict[str, Any]:
    """The largest difference in nats over pairs of context and continuation."""
    from lm_eval.api.instance import Instance

    from afinar.evaluation.likelihood import log_likelihoods

    draw = random.Random(0)
    pairs = [cut(text, draw) for text in itertools.islice(itertools.cycle(texts[:PASSAGES]), PAIRS)]
    ours = log_likelihoods(model, tokenizer, pairs)
    requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(pairs)]
    theirs = harness(model, tokenizer, None).loglikelihood(requests, disable_tqdm=True)
    both = list(zip(ours, theirs, strict=True))
    return {
        "n": len(pairs),
        "tokens": sum(one.tokens for one in ours),
        "nats": math.fsum(one.nats for one in ours),
        "harness_nats": math.fsum(nats for nats, _ in theirs),
        "largest_difference_nats": max(abs(one.nats - nats) for one, (nats, _) in both),
        "greedy_alike": sum(one.greedy == greedy for one, (_, greedy) in both),
    }


def cut(text: str, draw: random.Random) -> tuple[str, str]:
    """A context and at most eight words after it."""
    words = text.split(" ")
    place = draw.randrange(1, max(2, len(words)))
    return " ".join(words[:place]), " " + " ".join(words[place : place + 8])


def harness(model: Any, tokenizer: Any, window: int | None) -> Any:
    from lm_eval.models.huggingface import HFLM

    # logits_cache=False: of two requests whose texts are equal but cut at different places, the harness (0.4.13) scores the
    # shorter continuation at the positions of the longer one.
    return HFLM(
        pretrained=model,
        tokenizer=tokenizer,
        backend="causal",
        softmax_dtype="float32",
        max_length=window,
        batch_size=4,
        logits_cache=False,
    )


def rolling(lm: Any, tokenizer: Any, texts: list[str], window: int, stride: int) -> list[float]:
    """The harness's `loglikelihood_rolling`; for another stride than its own, its parts put together."""
    from lm_eval.api.instance import Instance
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    if stride == window:
        return list(lm.loglikelihood_rolling([Instance("loglikelihood_rolling", {}, (text,), 0) for text in texts], True))
    windows, owners = [], []
    for owner, text in enumerate(texts):
        made = get_rolling_token_windows(lm.tok_encode(text), lm.prefix_token_id, window, window - stride + 1)
        windows += [(None, *make_disjoint_window(pair)) for pair in made]
        owners += [owner] * (len(windows) - len(owners))
    sums = [0.0] * len(texts)
    for owner, (nats, _) in zip(owners, lm._loglikelihood_tokens(windows, disable_tqdm=True), strict=True):
        sums[owner] += nats
    return sums


# --- written -------------------------------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "transformers", "lm_eval", "afinar")}
    return {"machine": platform.machine(), "python": platform.python_version(), **packages}


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    about = found["environment"]
    lines = [
        "# Perplexity and log-likelihoods beside lm-evaluation-harness",
        "",
        f"`AFINAR_DATA=DATA python -m benchmarks.cpu.harness` on afinar-mini ({about['machine']}, one thread; Python "
        f"{about['python']}, torch {about['torch']}, transformers {about['transformers']}, lm-eval {about['lm_eval']}). "
        "The harness runs with `logits_cache=False`: with its cache (0.4.13), two requests of one text that is cut at "
        "different places share logits, and the shorter continuation is scored at the positions of the longer one.",
        "",
        "## Whole documents: bits per byte",
        "",
        "| texts | dtype | window | stride | n | longest, tokens | afinar | harness "
        "| largest relative difference of a document |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in found["documents"]:
        lines.append(
            f"| {row['set']} | {row['dtype']} | {row['window']} | {row['stride']} | {row['n']} | {row['longest_tokens']:,} "
            f"| {row['bits_per_byte']:.6f} | {row['harness_bits_per_byte']:.6f} | {row['largest_relative_difference']:.1e} |"
        )
    lines += [
        "",
        "## Texts after contexts: log-likelihoods in nats",
        "",
        "| texts | dtype | n | tokens | afinar, sum | harness, sum | largest difference of a pair | greedy alike |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in found["pairs"]:
        lines.append(
            f"| {row['set']} | {row['dtype']} | {row['n']} | {row['tokens']:,} | {row['nats']:.3f} "
            f"| {row['harness_nats']:.3f} | {row['largest_difference_nats']:.1e} | {row['greedy_alike']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

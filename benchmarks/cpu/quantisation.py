"""What a base in 4 and 8 bits costs and saves, and QLoRA beside LoRA and full fine-tuning on the same rows.

    python -m benchmarks.cpu.quantisation --data "$AFINAR_DATA/resenhas"        # train.jsonl and valid.jsonl with `text`
    python -m benchmarks.cpu.quantisation --model NAME --device cuda --data FOLDER

Each measurement is a process of its own. Bases: weight bytes, bits per byte on held-out rows, and the speed of a forward
pass (evaluation) and of a training step with LoRA, in rounds over all bases, each as a ratio to the first base of its round.
Methods: bits per byte before and after, seconds, the process's peak of memory. Without --data: the bundled answers
(`afinar/instrucoes`). Results go to benchmarks/results/ as JSON and Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
BASES: dict[str, dict[str, Any]] = {
    "float32": {"dtype": "float32"},
    "bfloat16": {"dtype": "bfloat16"},
    "int8": {"quantize": "int8"},
    "nf4": {"quantize": "nf4", "double_quant": False},
    "nf4 + double quantisation": {"quantize": "nf4", "double_quant": True},
}
METHODS = ("qlora", "lora", "full")
LORA = {"r": 16, "alpha": 32.0, "dropout": 0.05, "target_modules": "all-linear"}  # as QLoRA, so that only the base differs


def base_arm(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """One base: its size, its quality, its speed."""
    import torch

    from afinar.data.collate import Collator
    from afinar.data.prepare import prepare_source
    from afinar.evaluation.perplexity import evaluate_causal
    from afinar.methods.base import create
    from afinar.methods.config import LoRA
    from afinar.models.causal import supervise
    from afinar.models.config import ModelConfig
    from afinar.models.hardware import computes_in_bfloat16
    from afinar.models.load import load_model, load_tokenizer

    config = ModelConfig(name=args.model, device=args.device, **{"dtype": args.dtype, **BASES[name]})
    tokenizer = load_tokenizer(config)
    model = supervise(load_model(config, task="causal", tokenizer=tokenizer))
    size = weight_bytes(model)
    emulated = name == "bfloat16" and not computes_in_bfloat16(torch.device(args.device))
    if emulated:  # 50 times slower than float32: the quality of the rounded weights is all there is to measure
        model.float()
    valid = prepare_source(
        args.valid, tokenizer, format=args.format, task="causal", label_names=None, max_length=args.max_length
    )
    valid.examples[:] = valid.examples[: args.rows]
    collator = Collator(int(tokenizer.pad_token_id))
    tokens = sum(len(example.input_ids) for example in valid.examples)
    evaluate_causal(model, valid, collator)  # once before the clock: threads, caches
    start = time.perf_counter()
    metrics = evaluate_causal(model, valid, collator)
    forward = tokens / (time.perf_counter() - start)
    create(LoRA(**LORA)).attach(model)
    batches = [collator([valid[row] for row in range(at, at + 8)]) for at in range(0, min(len(valid) // 8 * 8, 48), 8)]
    model.train()
    seconds, seen = 0.0, 0
    for number, batch in enumerate(batches):
        batch = {key: value.to(args.device) if torch.is_tensor(value) else value for key, value in batch.items()}
        start = time.perf_counter()
        model(**batch).loss.backward()
        if number:  # the first one warms up
            seconds, seen = seconds + time.perf_counter() - start, seen + int(batch["attention_mask"].sum())
    speeds = (None, None) if emulated else (forward, seen / seconds)
    return {"base": name, "weight_bytes": size, "bits_per_byte": metrics["bits_per_byte"], "n": metrics["n"],
            "forward_tokens_per_second": speeds[0], "training_tokens_per_second": speeds[1]}  # fmt: skip


def weight_bytes(model: Any) -> int:
    """Bytes of all weights, the scales of quantised ones included, tied ones once."""
    total = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)  # bitsandbytes' 4-bit weights have it
        if state is not None:
            parts = [state.absmax] + ([state.state2.absmax, state.state2.code, state.offset] if state.nested else [])
            total += sum(part.numel() * part.element_size() for part in parts)
    scales = [module.state.SCB if module.weight.SCB is None else module.weight.SCB for module in model.modules()
              if type(module).__name__ == "EightBitLinear"]  # fmt: skip
    return total + sum(scale.numel() * scale.element_size() for scale in scales)


def method_arm(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """One method, by the same command that a user would give."""
    import afinar

    method: Any = {"qlora": afinar.QLoRA(), "lora": afinar.LoRA(**LORA), "full": afinar.Full()}[name]
    with tempfile.TemporaryDirectory() as output:
        valid = {}
        if args.data:
            lines = Path(args.valid).read_text(encoding="utf-8").splitlines(keepends=True)
            (Path(output) / "valid.jsonl").write_text("".join(lines[: args.rows]), encoding="utf-8")
            valid = {"valid": f"{output}/valid.jsonl"}
        run = afinar.fine_tune(
            args.model, train=args.train, method=method, output=f"{output}/runs", device=args.device, dtype=args.dtype,
            max_length=args.max_length, max_steps=args.steps, batch_size=8, format=args.format, evaluate_every_steps="epoch",
            save_every_steps=10**6, **valid,
        )  # fmt: skip
    done = run.results
    keep = ("seconds", "tokens", "tokens_per_second", "peak_memory_bytes", "trainable_parameters", "total_parameters")
    return {"method": name, "learning_rate": run.config.training.learning_rate, "quantize": run.config.model.quantize,
            "before": done["base"]["bits_per_byte"], "after": done["adapted"]["bits_per_byte"], "n": done["n"],
            **{key: done["training"][key] for key in keep}}  # fmt: skip


def in_process(arm: str, name: str, arguments: list[str]) -> dict[str, Any]:
    """One arm in a new process, so that none inherits another's memory."""
    command = [sys.executable, "-m", "benchmarks.cpu.quantisation", *arguments, "--arm", arm, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arm} {name}:\n{done.stderr}")
    print(f"{arm}: {name}", file=sys.stderr)
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return values


SPEEDS = ("forward_tokens_per_second", "training_tokens_per_second")


def alternating(rounds: int, given: list[str]) -> list[dict[str, Any]]:
    """Every base once a round; its speeds become ratios to the first base's of that round: [lowest, median, highest]."""
    measured = [[in_process("base", name, given) for name in BASES] for _ in range(rounds)]
    bases = []
    for number in range(len(BASES)):
        base = dict(measured[0][number])
        for key in SPEEDS:
            base.pop(key)
            ratios = sorted(each[number][key] / each[0][key] for each in measured if each[number][key] is not None)
            spread = [ratios[0], statistics.median(ratios), ratios[-1]] if ratios else None
            base[key.removesuffix("_tokens_per_second") + "_ratio"] = spread
        bases.append(base)
    return bases


def _speed(spread: list[float] | None) -> str:
    return "–" if spread is None else f"{spread[1]:.2f} ({spread[0]:.2f}–{spread[2]:.2f})"


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    first = report["bases"][0]["weight_bytes"]
    lines = [
        "# Bases in 4 and 8 bits, and QLoRA beside LoRA and full fine-tuning", "",
        f"Model {report['model']}, {report['device']}, {report['threads']} thread(s), {report['cpu']}; activations and other "
        f"weights in {report['dtype']}; load of the machine meanwhile {report['load'][0]:.1f} to {report['load'][1]:.1f}. "
        f"Command: `{report['command']}`.", "",
        f"Bits per byte over {report['bases'][0]['n']} held-out rows of {report['data']}.", "",
        f"Speeds are tokens per second over those of {report['bases'][0]['base']}: the median of {report['rounds']} rounds, "
        "lowest and highest in brackets.", "",
        *(["No speed: this CPU only emulates products in bfloat16, so the weights were rounded to it and multiplied in "
           "float32.", ""] if any(base["forward_ratio"] is None for base in report["bases"]) else []),
        "| base | weights, MB | share | bits per byte | forward | LoRA step |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"| {b['base']} | {b['weight_bytes'] / 1e6:.2f} | {b['weight_bytes'] / first:.2f} | {b['bits_per_byte']:.4f} | "
          f"{_speed(b['forward_ratio'])} | {_speed(b['training_ratio'])} |"
          for b in report["bases"]), "",
        f"{report['steps']} steps of 8 rows each, seed 0, bits per byte over {report['methods'][0]['n']} held-out rows:", "",
        "| method | base | learning rate | trained weights | bits per byte before | after | seconds | peak memory, MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(f"| {m['method']} | {m['quantize']} | {m['learning_rate']:g} | {m['trainable_parameters']:,} | {m['before']:.4f} | "
          f"{m['after']:.4f} | {m['seconds']:.0f} | {m['peak_memory_bytes'] / 1e6:.0f} |" for m in report["methods"]), "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="afinar-mini")
    parser.add_argument("--data", default=os.environ.get("AFINAR_DATA") and os.environ["AFINAR_DATA"] + "/resenhas")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", help="of what is not quantised, and of lora's and full's base")
    parser.add_argument("--rows", type=int, default=200, help="held-out rows")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each base")
    parser.add_argument("--arm", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.train, args.valid, args.format = "afinar/instrucoes", "afinar/instrucoes", "auto"
    if args.data:
        args.format = "text"
        args.train, args.valid = (f"{args.data}/{name}.jsonl" for name in ("train", "valid"))
    if args.arm:
        print(json.dumps({"base": base_arm, "method": method_arm}[args.arm[0]](args.arm[1], args)))
        return
    given, load = sys.argv[1:], [os.getloadavg()[0]]
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    bases = alternating(args.rounds, given)
    methods = [in_process("method", name, given) for name in METHODS]
    load.append(os.getloadavg()[0])
    shown = [Path(word).name if os.path.sep in word else word for word in given]
    report = {
        "command": " ".join(["python -m benchmarks.cpu.quantisation", *shown]),
        "data": Path(args.data).name if args.data else args.train,
        **{key: getattr(args, key) for key in ("model", "device", "dtype", "rows", "steps", "rounds")},
        "cpu": platform.machine(),
        "threads": threads,
        "load": sorted(load),
        "bases": bases,
        "methods": methods,
    }
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"quantisation_{args.device.partition(':')[0]}"
    stem.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()

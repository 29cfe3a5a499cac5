"""Metrics of classifiers and of answers beside scikit-learn, sacrebleu and rouge-score: how far apart.

    python -m benchmarks.cpu.metrics      # writes benchmarks/results/metrics.json, and metrics.md of it

Labels and predictions are drawn at random, few rows and rare classes among them. Answers are the bundled reviews with words
left out, doubled and changed, each held against the whole review. Resamples: what the intervals rest on, the same rows drawn
with replacement, by our counts and by the reference called anew.
"""

from __future__ import annotations

import json
import platform
import random
import re
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parents[1] / "results"
SETS, RESAMPLES, ANSWERS = 300, 100, 60
SENTENCES = ("a informação não é útil", "Eles têm três maçãs.", "the answer is not useful")


def main() -> None:
    """Measure and write the tables."""
    differences = [*of_classifiers(), *of_answers()]
    found = {"environment": environment(), "differences": differences, "words": [words_of(text) for text in SENTENCES]}
    (RESULTS / "metrics.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "metrics.md").write_text(table(found), encoding="utf-8")
    print(table(found))


# --- classifiers ---------------------------------------------------------------------------------------------------------


def of_classifiers() -> list[dict[str, Any]]:
    """The largest difference of each metric over random sets."""
    from afinar.metrics.classification import classification_metrics, confusion_matrix

    worst: dict[str, float] = {}
    for labels, predictions, classes in random_sets():
        ours, theirs = classification_metrics(labels, predictions), scikit_learn(labels, predictions)
        for name, value in theirs.items():
            worst[name] = max(worst.get(name, 0.0), abs(ours[name] - value))
        cells = np.abs(np.array(confusion_matrix(labels, predictions, classes)) - sklearn_matrix(labels, predictions, classes))
        worst["confusion_matrix"] = max(worst.get("confusion_matrix", 0.0), float(cells.max()))
    return [{"metric": name, "reference": "scikit-learn", "sets": SETS, "difference": value} for name, value in worst.items()]


def random_sets() -> Iterator[tuple[list[int], list[int], int]]:
    """Labels, predictions and the number of classes; classes are unbalanced, and some never occur."""
    draw = np.random.default_rng(0)
    for _ in range(SETS):
        classes, rows = int(draw.integers(2, 7)), int(draw.integers(1, 400))
        shares = draw.dirichlet(np.full(classes, 0.7))
        labels = draw.choice(classes, rows, p=shares)
        right = draw.random(rows) < draw.random()
        predictions = np.where(right, labels, draw.integers(0, classes, rows))
        yield labels.tolist(), predictions.tolist(), classes


def scikit_learn(labels: list[int], predictions: list[int]) -> dict[str, float]:
    from sklearn import metrics

    found = {"accuracy": float(metrics.accuracy_score(labels, predictions))}
    for average, ending in (("weighted", ""), ("macro", "_macro")):
        scores = metrics.precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
        found |= {f"{name}{ending}": float(score) for name, score in zip(("precision", "recall", "f1"), scores, strict=False)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sets with one class alone
        found["mcc"] = float(metrics.matthews_corrcoef(labels, predictions))
    return found


def sklearn_matrix(labels: list[int], predictions: list[int], classes: int) -> np.ndarray:
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, predictions, labels=range(classes)))


# --- answers -------------------------------------------------------------------------------------------------------------


def of_answers() -> list[dict[str, Any]]:
    """Corpus scores on all rows and on resamples; ROUGE on texts of plain letters, where rouge-score's own words are right."""
    from afinar.metrics.generation import generation_metrics
    from afinar.metrics.overlap import bleu_counts, bleu_of_counts, chrf_counts, chrf_of_counts

    answers, references = spoiled()
    groups = [[reference] for reference in references]
    whole, theirs = generation_metrics(answers, references), sacrebleu(answers, references)
    rows = [
        {"metric": name, "reference": "sacrebleu", "sets": 1, "difference": abs(whole[name] - theirs[name])} for name in theirs
    ]
    counts = {"bleu": bleu_counts(answers, groups), "chrf": chrf_counts(answers, groups)}
    scores = {"bleu": bleu_of_counts, "chrf": chrf_of_counts}
    draw, worst = np.random.default_rng(0), dict.fromkeys(counts, 0.0)
    for _ in range(RESAMPLES):
        drawn = draw.integers(len(answers), size=len(answers))
        expected = sacrebleu([answers[row] for row in drawn], [references[row] for row in drawn])
        for name in counts:
            ours = float(scores[name](counts[name][drawn].sum(0)[None])[0])
            worst[name] = max(worst[name], abs(ours - expected[name]))
    rows += [
        {"metric": f"{name}, resampled", "reference": "sacrebleu", "sets": RESAMPLES, "difference": worst[name]}
        for name in counts
    ]
    plain, wanted = [[ascii_only(text) for text in texts] for texts in (answers, references)]
    ours = generation_metrics(plain, wanted)
    for name, value in rouge_score(plain, wanted).items():
        rows.append(
            {
                "metric": f"{name}, without accents",
                "reference": "rouge-score",
                "sets": 1,
                "difference": abs(ours[name] - value),
            }
        )
    return rows


def spoiled() -> tuple[list[str], list[str]]:
    """Reviews with words left out, doubled and changed, and the reviews."""
    from afinar.data import bundled

    lines = bundled.path("afinar/sentimento", "valid").read_text(encoding="utf-8").splitlines()
    references = [json.loads(line)["text"] for line in lines[:ANSWERS]]
    draw = random.Random(0)
    changes = (lambda word: [], lambda word: [word, word], lambda word: ["coisa"], *[lambda word: [word]] * 9)
    return [" ".join(new for word in text.split() for new in draw.choice(changes)(word)) for text in references], references


def sacrebleu(answers: list[str], references: list[str]) -> dict[str, float]:
    from sacrebleu import corpus_bleu, corpus_chrf

    return {"bleu": corpus_bleu(answers, [references]).score, "chrf": corpus_chrf(answers, [references]).score}


def rouge_score(answers: list[str], references: list[str]) -> dict[str, float]:
    """Mean F1 by rouge-score with its own tokeniser, nothing stemmed."""
    from rouge_score.rouge_scorer import RougeScorer

    names = ["rouge1", "rouge2", "rougeL"]
    found = [RougeScorer(names).score(reference, answer) for answer, reference in zip(answers, references, strict=True)]
    return {name: sum(score[name].fmeasure for score in found) / len(found) for name in names}


def ascii_only(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9 ]", "x", text)


def words_of(text: str) -> dict[str, Any]:
    """The words that ROUGE counts, by rouge-score's own tokeniser and by ours."""
    from rouge_score.tokenizers import DefaultTokenizer

    from afinar.metrics.generation import UnicodeWords

    return {"text": text, "rouge_score": DefaultTokenizer(False).tokenize(text), "afinar": UnicodeWords().tokenize(text)}


# --- written -------------------------------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    packages = {name: version(name) for name in ("scikit-learn", "sacrebleu", "rouge-score", "numpy", "afinar")}
    return {"python": platform.python_version(), **packages}


def shown(difference: float) -> str:
    return f"{difference:.1e}" if difference else "0"


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    about = found["environment"]
    lines = [
        "# Metrics beside their references",
        "",
        f"`python -m benchmarks.cpu.metrics` (Python {about['python']}, scikit-learn {about['scikit-learn']}, sacrebleu "
        f"{about['sacrebleu']}, rouge-score {about['rouge-score']}). Largest absolute difference over the sets; scores of "
        "sacrebleu run from 0 to 100, the others from 0 to 1.",
        "",
        "| metric | reference | sets | largest difference |",
        "| --- | --- | ---: | ---: |",
        *(
            f"| {row['metric']} | {row['reference']} | {row['sets']} | {shown(row['difference'])} |"
            for row in found["differences"]
        ),
        "",
        "## Where the reference is not followed",
        "",
        "rouge-score's own tokeniser keeps a to z and digits. Here ROUGE counts words that Unicode tells, by the same "
        "package; without accents the two agree (above).",
        "",
        "| text | rouge-score's words | afinar's |",
        "| --- | --- | --- |",
        *(f"| {row['text']} | {' · '.join(row['rouge_score'])} | {' · '.join(row['afinar'])} |" for row in found["words"]),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

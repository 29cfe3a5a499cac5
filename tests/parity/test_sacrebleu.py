"""BLEU and chrF equal sacrebleu's, on all rows and on resamples; ROUGE equals rouge-score's where that is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from afinar.metrics.generation import bleu, chrf, composed, rouge, signatures
from afinar.metrics.overlap import bleu_counts, bleu_of_counts, chrf_counts, chrf_of_counts

PREDICTIONS = [
    "O gato dorme no sofá azul da sala.",
    "Amanhã vai chover muito na serra, disse a moça.",
    "",
    "São três maçãs, não duas.",
    "R$ 1.234,56 é o preço à vista; 10% de desconto.",
    "não sei",
]
REFERENCES = [
    ["O gato dorme no sofá verde da sala.", "Um gato dorme no sofá azul."],
    ["Amanhã deve chover na serra, disse a moça."],
    ["Sim."],
    ["São três maçãs, não duas.", "Três maçãs."],
    ["O preço à vista é R$ 1.234,56, com 10% de desconto."],
    ["Não sei dizer."],
]
TEXT = st.text(alphabet="ab cdé.,!Ç中 \n", max_size=12)
ROWS = st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), min_size=1, max_size=5)


def theirs(predictions: list[str], groups: list[list[str]]) -> tuple[float, float]:
    """sacrebleu's scores. It takes the first reference of each row, the second, ...; None where a row has no more."""
    most = max(len(group) for group in groups)
    streams = [[group[place] if place < len(group) else None for group in groups] for place in range(most)]
    scores = [metric.corpus_score(predictions, streams).score for metric in (BLEU(), CHRF())]  # type: ignore[attr-defined,arg-type]
    return scores[0], scores[1]


def ours(predictions: list[str], groups: list[list[str]], drawn: list[int] | np.ndarray) -> tuple[float, float]:
    """From the counts of each row, added up over the rows drawn."""
    counts = np.bincount(drawn, minlength=len(predictions))[None].astype(float)
    return (
        float(bleu_of_counts(counts @ bleu_counts(predictions, groups))[0]),
        float(chrf_of_counts(counts @ chrf_counts(predictions, groups))[0]),
    )


def test_the_corpus():
    expected = theirs(PREDICTIONS, REFERENCES)
    assert ours(PREDICTIONS, REFERENCES, range(6)) == pytest.approx(expected)  # type: ignore[arg-type]
    assert (bleu(PREDICTIONS, REFERENCES), chrf(PREDICTIONS, REFERENCES)) == expected
    assert 20 < expected[0] < 80


def test_a_hundred_resamples():
    generator = np.random.default_rng(0)
    for _ in range(100):
        drawn = generator.integers(6, size=6)
        expected = theirs([PREDICTIONS[row] for row in drawn], [REFERENCES[row] for row in drawn])
        assert ours(PREDICTIONS, REFERENCES, drawn) == pytest.approx(expected)


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_any_texts(rows):
    predictions, groups = [row[0] for row in rows], [row[1] for row in rows]
    assert ours(predictions, groups, range(len(rows))) == pytest.approx(theirs(predictions, groups))  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(st.lists(st.tuples(st.text(), st.lists(st.text(), min_size=1, max_size=3)), min_size=1, max_size=6))
def test_any_texts_at_full_size(rows):
    predictions, groups = composed([row[0] for row in rows], [row[1] for row in rows])
    assert ours(predictions, groups, range(len(rows))) == pytest.approx(theirs(predictions, groups))  # type: ignore[arg-type]


def test_signatures_are_sacrebleus():
    found = signatures(PREDICTIONS, REFERENCES)
    metrics = {"BLEU": BLEU(), "chrF2": CHRF()}
    for ours_name, (name, metric) in zip(("bleu", "chrf"), metrics.items(), strict=True):
        metric.corpus_score(PREDICTIONS[:2], [["a", "b"], ["c", None]])  # type: ignore[attr-defined,list-item]
        assert found[ours_name] == f"{name}|{metric.get_signature().format()}"  # type: ignore[attr-defined]
    assert signatures(["a"], ["b"])["bleu"].startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures(["a"], ["b"], language="pt")["token_f1"] == "token_f1|nrefs:1|case:lc|punct:no|articles:no-pt|norm:nfc"
    assert found["rouge"].startswith("rouge|nrefs:var|case:lc|words:unicode|stem:no|norm:nfc|version:")
    assert found["exact_match"] == "exact_match|nrefs:var|case:mixed|space:strip|norm:nfc"


ASCII = st.lists(st.sampled_from(["cat", "dog", "sat", "the", "3", "mat"]), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(ASCII, ASCII), min_size=1, max_size=4))
def test_rouge_of_ascii_words(pairs):
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    scores = [scorer.score(reference, prediction) for prediction, reference in pairs]
    found = rouge([prediction for prediction, _ in pairs], [reference for _, reference in pairs])
    assert found == pytest.approx({name: np.mean([score[name].fmeasure for score in scores]) for name in found})

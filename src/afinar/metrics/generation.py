"""How close generated answers come to their references: BLEU, chrF, ROUGE, token F1 and exact match.

`predictions` are texts; `references` hold for each prediction one text, or several of which the best match counts. Texts are
composed first (NFC), so that "é" equals "é" however it was typed; then each measure is that of the field's own package, and a
number can be compared with a published one:

- `bleu`: corpus BLEU of sacrebleu (tokeniser 13a), 0 to 100. Source: Papineni et al. 2002; Post 2018, arXiv:1804.08771.
- `chrf`: corpus chrF2 of sacrebleu over character 6-grams, 0 to 100. Source: Popović 2015.
- `rouge1`, `rouge2`, `rougeL`: mean F1 of rouge-score over words, bigrams and the longest common subsequence, 0 to 1.
  Source: Lin 2004. Words are told by Unicode and nothing is stemmed: rouge-score's own tokeniser keeps a to z and digits
  only, which tears "informação" into "informa" and "o" and drops "é", and its stemmer is for English.
- `token_f1`: mean F1 of SQuAD, 0 to 1; see :mod:`afinar.metrics.token_f1`.
- `exact_match`: share of predictions that equal a reference, 0 to 1, without the blanks around them.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from afinar.errors import DataError
from afinar.metrics.signatures import Signature
from afinar.metrics.token_f1 import ArticleLanguage, token_f1

References = Sequence[str] | Sequence[Sequence[str]]
"""One text for each prediction, or several."""

ROUGE = ("rouge1", "rouge2", "rougeL")


def generation_metrics(predictions: Sequence[str], references: References) -> dict[str, float]:
    """`bleu`, `chrf`, `rouge1`, `rouge2`, `rougeL`, `token_f1` and `exact_match`.

    Raises DataError without predictions, ValueError if the two differ in length or a prediction has no reference.
    """
    return {
        "bleu": bleu(predictions, references),
        "chrf": chrf(predictions, references),
        **{name: float(values.mean()) for name, values in row_scores(predictions, references).items()},
    }


def row_scores(
    predictions: Sequence[str], references: References, *, language: ArticleLanguage = "pt+en"
) -> dict[str, np.ndarray]:
    """The measures that are means over rows, row by row (N,): the three ROUGE, `token_f1` and `exact_match`.

    language: whose articles `token_f1` leaves out. Raises as :func:`generation_metrics`.
    """
    texts, groups = composed(predictions, references)
    f1 = [token_f1(text, group, language) for text, group in zip(texts, groups, strict=True)]
    matches = [text.strip() in {one.strip() for one in group} for text, group in zip(texts, groups, strict=True)]
    return {**_rouge(texts, groups), "token_f1": np.array(f1), "exact_match": np.array(matches, dtype=np.float64)}


def bleu(predictions: Sequence[str], references: References) -> float:
    """Corpus BLEU, 0 to 100; raises as :func:`generation_metrics`."""
    return float(_corpus("BLEU", predictions, references)[0])


def chrf(predictions: Sequence[str], references: References) -> float:
    """Corpus chrF2, 0 to 100; raises as :func:`generation_metrics`."""
    return float(_corpus("CHRF", predictions, references)[0])


def signatures(predictions: Sequence[str], references: References, *, language: ArticleLanguage = "pt+en") -> dict[str, str]:
    """What moves each number, under its metric's name (`rouge`: all three): sacrebleu's own signatures of `bleu` and `chrf`,
    the others in the same form. Raises as :func:`generation_metrics`.
    """
    from importlib.metadata import version

    sizes = {len(group) for group in composed(predictions, references)[1]}
    each = ("nrefs", str(sizes.pop()) if len(sizes) == 1 else "var")
    rouge_parts = (
        each,
        ("case", "lc"),
        ("words", "unicode"),
        ("stem", "no"),
        ("norm", "nfc"),
        ("version", version("rouge-score")),
    )
    f1_parts = (each, ("case", "lc"), ("punct", "no"), ("articles", f"no-{language}"), ("norm", "nfc"))
    return {
        "bleu": f"BLEU|{_corpus('BLEU', predictions, references)[1]}",
        "chrf": f"chrF2|{_corpus('CHRF', predictions, references)[1]}",
        "rouge": str(Signature("rouge", rouge_parts)),
        "token_f1": str(Signature("token_f1", f1_parts)),
        "exact_match": str(Signature("exact_match", (each, ("case", "mixed"), ("space", "strip"), ("norm", "nfc")))),
    }


def rouge(predictions: Sequence[str], references: References) -> dict[str, float]:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L, 0 to 1; of several references the best counts, measure by measure.

    Raises as :func:`generation_metrics`.
    """
    return {name: float(values.mean()) for name, values in _rouge(*composed(predictions, references)).items()}


def exact_match(predictions: Sequence[str], references: References) -> float:
    """Share of predictions equal to one of their references; raises as :func:`generation_metrics`."""
    texts, groups = composed(predictions, references)
    matches = [text.strip() in {one.strip() for one in group} for text, group in zip(texts, groups, strict=True)]
    return sum(matches) / len(matches)


def composed(predictions: Sequence[str], references: References) -> tuple[list[str], list[list[str]]]:
    """The predictions, and each one's references as a list, in composed form (NFC). Raises as :func:`generation_metrics`."""
    if len(predictions) == 0:
        raise DataError("evaluation.no_rows")
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions, {len(references)} references; expected as many.")
    groups = [[group] if isinstance(group, str) else list(group) for group in references]
    if not all(groups):
        raise ValueError(f"Prediction {groups.index([])} has no reference; expected at least one.")
    return [_nfc(text) for text in predictions], [[_nfc(text) for text in group] for group in groups]


class UnicodeWords:
    """Splits a text into lower-cased words: runs of letters, their marks and digits; ideographs and kana one by one."""

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`, in order."""
        words: list[str] = []
        for kind, run in itertools.groupby(unicodedata.normalize("NFC", text).lower(), key=_kind):
            if kind == "word":
                words.append("".join(run))
            elif kind == "sign":
                words.extend(run)
        return words


def _kind(character: str) -> str:
    if unicodedata.category(character)[0] not in "LMN":
        return "other"
    name = unicodedata.name(character, "")
    unspaced = name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA"))
    return "sign" if unspaced else "word"


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _rouge(texts: list[str], groups: list[list[str]]) -> dict[str, np.ndarray]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGE), tokenizer=UnicodeWords())
    scores = [scorer.score_multi(group, text) for text, group in zip(texts, groups, strict=True)]
    return {name: np.array([score[name].fmeasure for score in scores], dtype=np.float64) for name in ROUGE}


def _corpus(metric: str, predictions: Sequence[str], references: References) -> tuple[float, str]:
    """sacrebleu's score and signature."""
    import sacrebleu.metrics

    texts, groups = composed(predictions, references)
    # The first reference of each prediction, the second of each, ...; None where there is none.
    streams: list[Any] = [list(stream) for stream in itertools.zip_longest(*groups)]
    scorer = getattr(sacrebleu.metrics, metric)()
    return scorer.corpus_score(texts, streams).score, scorer.get_signature().format()

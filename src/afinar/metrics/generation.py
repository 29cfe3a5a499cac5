"""How close generated answers come to their references: BLEU, chrF, ROUGE and exact match.

`predictions` are texts; `references` hold for each prediction one text, or several of which the best match counts. Each
measure is that of the field's own package, so a number can be compared with a published one:

- `bleu`: corpus BLEU of sacrebleu (tokeniser 13a), 0 to 100. Source: Papineni et al. 2002; Post 2018, arXiv:1804.08771.
- `chrf`: corpus chrF2 of sacrebleu over character 6-grams, 0 to 100. Source: Popović 2015.
- `rouge1`, `rouge2`, `rougeL`: mean F1 of rouge-score over words, bigrams and the longest common subsequence, 0 to 1.
  Source: Lin 2004. Words are told by Unicode and nothing is stemmed: rouge-score's own tokeniser keeps a to z and digits
  only, which tears "informação" into "informa" and "o" and drops "é", and its stemmer is for English.
- `exact_match`: share of predictions that equal a reference, 0 to 1, after Unicode composition (NFC) and without the blanks
  around them.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Any

from afinar.errors import DataError

References = Sequence[str] | Sequence[Sequence[str]]
"""One text for each prediction, or several."""

ROUGE = ("rouge1", "rouge2", "rougeL")


def generation_metrics(predictions: Sequence[str], references: References) -> dict[str, float]:
    """`bleu`, `chrf`, `rouge1`, `rouge2`, `rougeL` and `exact_match`.

    Raises DataError without predictions, ValueError if the two differ in length or a prediction has no reference.
    """
    return {
        "bleu": bleu(predictions, references),
        "chrf": chrf(predictions, references),
        **rouge(predictions, references),
        "exact_match": exact_match(predictions, references),
    }


def bleu(predictions: Sequence[str], references: References) -> float:
    """Corpus BLEU, 0 to 100; raises as :func:`generation_metrics`."""
    from sacrebleu import corpus_bleu

    return float(corpus_bleu(list(predictions), _streams(predictions, references)).score)


def chrf(predictions: Sequence[str], references: References) -> float:
    """Corpus chrF2, 0 to 100; raises as :func:`generation_metrics`."""
    from sacrebleu import corpus_chrf

    return float(corpus_chrf(list(predictions), _streams(predictions, references)).score)


def rouge(predictions: Sequence[str], references: References) -> dict[str, float]:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L, 0 to 1; of several references the best counts, measure by measure.

    Raises as :func:`generation_metrics`.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGE), tokenizer=UnicodeWords())
    groups = _groups(predictions, references)
    scores = [scorer.score_multi(group, prediction) for prediction, group in zip(predictions, groups, strict=True)]
    return {name: sum(score[name].fmeasure for score in scores) / len(scores) for name in ROUGE}


def exact_match(predictions: Sequence[str], references: References) -> float:
    """Share of predictions equal to one of their references; raises as :func:`generation_metrics`."""
    groups = _groups(predictions, references)
    matches = [
        _composed(prediction) in {_composed(reference) for reference in group}
        for prediction, group in zip(predictions, groups, strict=True)
    ]
    return sum(matches) / len(matches)


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


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _groups(predictions: Sequence[str], references: References) -> list[list[str]]:
    """Each prediction's references."""
    if len(predictions) == 0:
        raise DataError("evaluation.no_rows")
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions, {len(references)} references; expected as many.")
    groups = [[group] if isinstance(group, str) else list(group) for group in references]
    if not all(groups):
        raise ValueError(f"Prediction {groups.index([])} has no reference; expected at least one.")
    return groups


def _streams(predictions: Sequence[str], references: References) -> list[Any]:
    """References as sacrebleu takes them: the first of each prediction, the second of each, ...; None where there is none."""
    groups = _groups(predictions, references)
    return [list(stream) for stream in itertools.zip_longest(*groups)]

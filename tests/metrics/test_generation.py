from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afinar.errors import DataError
from afinar.metrics.generation import UnicodeWords, bleu, chrf, exact_match, generation_metrics, rouge

PREDICTIONS = ["O gato dorme no sofá azul.", "Amanhã vai chover muito na serra.", "", "São três maçãs, não duas."]
REFERENCES = ["O gato dorme no sofá verde.", "Amanhã deve chover na serra.", "Sim.", "São três maçãs, não duas."]
MORE = [["O gato está no sofá."], ["Amanhã vai chover na serra."], [], ["Três maçãs."]]


def test_the_names_are_the_fields():
    metrics = generation_metrics(PREDICTIONS, REFERENCES)
    assert list(metrics) == ["bleu", "chrf", "rouge1", "rouge2", "rougeL", "token_f1", "exact_match"]
    assert all(isinstance(value, float) for value in metrics.values())


def test_what_is_equal_scores_full_marks():
    metrics = generation_metrics(REFERENCES[:2], REFERENCES[:2])
    shares = dict.fromkeys(("rouge1", "rouge2", "rougeL", "token_f1", "exact_match"), 1)
    assert metrics == pytest.approx({"bleu": 100, "chrf": 100, **shares})


def test_bleu_and_chrf_are_sacrebleus():
    from sacrebleu.metrics import BLEU, CHRF

    assert bleu(PREDICTIONS, REFERENCES) == BLEU().corpus_score(PREDICTIONS, [REFERENCES]).score
    assert chrf(PREDICTIONS, REFERENCES) == CHRF().corpus_score(PREDICTIONS, [REFERENCES]).score
    assert 0 < bleu(PREDICTIONS, REFERENCES) < 100


def test_several_references_are_sacrebleus_too():
    from sacrebleu.metrics import BLEU, CHRF

    groups = [[one, *more] for one, more in zip(REFERENCES, MORE, strict=True)]
    streams = [REFERENCES, [more[0] if more else None for more in MORE]]
    assert bleu(PREDICTIONS, groups) == BLEU().corpus_score(PREDICTIONS, streams).score  # type: ignore[arg-type]
    assert chrf(PREDICTIONS, groups) == CHRF().corpus_score(PREDICTIONS, streams).score  # type: ignore[arg-type]
    assert bleu(PREDICTIONS, groups) > bleu(PREDICTIONS, REFERENCES)


def test_rouge_is_rouge_scores_where_its_tokeniser_keeps_every_word():
    from rouge_score.rouge_scorer import RougeScorer

    predictions = ["the cats sat on a mat", "It rained, 3 times!", "nothing alike"]
    references = ["the cat sat on the mat", "it has rained 3 times", "other words"]
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    scores = [scorer.score(reference, prediction) for prediction, reference in zip(predictions, references, strict=True)]
    assert rouge(predictions, references) == pytest.approx(
        {name: sum(score[name].fmeasure for score in scores) / 3 for name in ("rouge1", "rouge2", "rougeL")}
    )


def test_rouge_keeps_portuguese_words():
    # rouge-score's own tokeniser reads "informa o n o til" here, and finds the two sentences alike in three of five words
    assert rouge(["a informação não é útil"], ["a informática nos é hostil"])["rouge1"] == pytest.approx(2 / 5)
    assert rouge(["NÃO É ÚTIL"], ["não é útil"])["rougeL"] == 1
    assert rouge(["cats"], ["cat"])["rouge1"] == 0  # no stemming


def test_of_several_references_the_best_counts_measure_by_measure():
    assert rouge(["a b c"], [["a b x y", "c b a"]]) == pytest.approx({"rouge1": 1, "rouge2": 2 / 5, "rougeL": 4 / 7})


def test_exact_match_is_blind_to_blanks_around_and_to_composition():
    assert exact_match([" não\n", "não", "nao"], ["não", unicodedata.normalize("NFD", "não"), "não"]) == pytest.approx(2 / 3)
    assert exact_match(["b", "B"], [["a", "b"], ["a", "b"]]) == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a informação não é útil", ["a", "informação", "não", "é", "útil"]),
        ("Guarda-chuva; R$ 3,50!", ["guarda", "chuva", "r", "3", "50"]),
        ("l'été d’hiver", ["l", "été", "d", "hiver"]),
        (unicodedata.normalize("NFD", "ação"), ["ação"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("我爱カナ2024", ["我", "爱", "カ", "ナ", "2024"]),
        ("  …  ", []),
        ("", []),
    ],
)
def test_words_are_told_by_unicode(text, words):
    assert UnicodeWords().tokenize(text) == words


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_any_text_has_scores_in_their_ranges(pairs):
    metrics = generation_metrics([one for one, _ in pairs], [other for _, other in pairs])
    for name, value in metrics.items():
        assert 0 <= value <= (100.0001 if name in ("bleu", "chrf") else 1)


def test_empty_answers_score_nothing():
    assert set(generation_metrics(["", ""], ["sim", "não"]).values()) == {0.0}


def test_no_answers_is_an_error():
    with pytest.raises(DataError) as caught:
        generation_metrics([], [])
    assert caught.value.key == "evaluation.no_rows"


@pytest.mark.parametrize(
    ("references", "message"), [(["a"], "2 predictions, 1 references"), (["a", []], "Prediction 1 has no")]
)
def test_answers_and_references_must_be_as_many(references, message):
    for metric in (bleu, chrf, rouge, exact_match):
        with pytest.raises(ValueError, match=message):
            metric(["a", "b"], references)

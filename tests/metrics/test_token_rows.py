from __future__ import annotations

import json
import math

import numpy as np
import pytest

from afinar.errors import ConfigError, DataError
from afinar.metrics.paired import compare_means
from afinar.metrics.signatures import Signature
from afinar.metrics.token_rows import TokenRows, compare_rows


def rows(losses, tokens, correct=None, n_bytes=None, *, places=(), signature=None) -> TokenRows:
    correct = [0] * len(tokens) if correct is None else correct
    n_bytes = [0] * len(tokens) if n_bytes is None else n_bytes
    arrays = [np.asarray(values, dtype=np.int64) for values in (tokens, correct, n_bytes)]
    return TokenRows(np.asarray(losses, dtype=np.float64), *arrays, places=places, signature=signature)


def drawn(shift: float = 0.0, n: int = 40, seed: int = 0) -> TokenRows:
    """Documents of unequal length whose mean loss is about 2 + shift, bytes three times the tokens."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(5, 200, n)
    losses = tokens * (2 + generator.normal(0, 0.3, n)) + shift * tokens * (1 + generator.normal(0, 0.1, n))
    return rows(losses, tokens, tokens // 3, 3 * tokens)


def test_metrics_are_ratios_of_sums():
    found = rows([2.0, 10.0], [2, 3], [1, 2], [8, 12]).metrics()
    assert found["loss"] == 12 / 5
    assert found["perplexity"] == pytest.approx(math.exp(12 / 5))
    assert found["token_accuracy"] == 3 / 5
    assert found["bits_per_byte"] == pytest.approx(12 / (math.log(2) * 20))
    assert found["byte_perplexity"] == pytest.approx(math.exp(12 / 20))
    assert (found["n"], found["tokens"], found["bytes"]) == (2, 5, 20)


def test_every_metric_has_an_interval_around_it():
    found = drawn().metrics()
    for name in ("loss", "perplexity", "token_accuracy", "bits_per_byte", "byte_perplexity"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert found["loss_low"] < found["loss"] < found["loss_high"]
    assert found["perplexity_low"] == pytest.approx(math.exp(found["loss_low"]))
    assert found["byte_perplexity_high"] == pytest.approx(2 ** found["bits_per_byte_high"])


def test_bounds_stay_where_the_metric_can_be():
    found = rows([0.0, 0.0, 30.0], [9, 9, 3], [9, 9, 0], [9, 9, 3]).metrics()
    assert found["loss_low"] == 0
    assert found["perplexity_low"] == 1
    assert found["token_accuracy_high"] == 1


@pytest.mark.parametrize("made", [rows([4.0], [2], n_bytes=[5]), rows([4.0, 0.0], [2, 0]), rows([math.inf, 1.0], [2, 2])])
def test_no_interval_where_nothing_could_be_said(made):
    assert not any(name.endswith(("_low", "_high")) for name in made.metrics())


def test_bytes_are_left_out_where_they_are_not_known():
    assert not {"bits_per_byte", "byte_perplexity", "bytes"} & set(rows([4.0, 2.0], [2, 3]).metrics())


def test_nothing_scored_is_an_error():
    with pytest.raises(DataError) as caught:
        rows([0.0], [0]).metrics()
    assert caught.value.key == "evaluation.no_tokens"


def test_a_comparison_is_the_paired_one_of_the_sums():
    before, after = drawn(), drawn(shift=-0.2)
    found = compare_rows(before, after, seed=3)
    assert set(found) == {"loss", "perplexity", "token_accuracy", "bits_per_byte"}
    expected = compare_means(before.losses, after.losses, weights=before.tokens, higher_is_better=False, seed=3)
    assert found["loss"] == expected
    assert found["loss"].finding == found["perplexity"].finding == found["bits_per_byte"].finding == "better"
    assert found["loss"].difference == pytest.approx(after.metrics()["loss"] - before.metrics()["loss"])
    assert found["bits_per_byte"].difference == pytest.approx(
        after.metrics()["bits_per_byte"] - before.metrics()["bits_per_byte"]
    )


def test_perplexity_follows_its_loss():
    before, after = drawn(), drawn(shift=0.1, seed=1)
    after = rows(after.losses[: len(before.tokens)], before.tokens, n_bytes=before.n_bytes)
    found = compare_rows(before, after)
    first = before.metrics()["perplexity"]
    assert found["perplexity"].difference == pytest.approx(after.metrics()["perplexity"] - first)
    assert found["perplexity"].low == pytest.approx(first * (math.exp(found["loss"].low) - 1))
    assert found["perplexity"].high == pytest.approx(first * (math.exp(found["loss"].high) - 1))
    assert found["perplexity"].p == found["loss"].p


def test_equal_models_differ_nowhere():
    found = compare_rows(drawn(), drawn())
    assert {difference.difference for difference in found.values()} == {0.0}
    assert {difference.finding for difference in found.values()} == {"too_few"}  # no row changed at all


def test_a_single_row_has_no_interval_that_json_could_not_write():
    found = compare_rows(rows([4.0], [2], n_bytes=[9]), rows([3.0], [2], n_bytes=[9]))
    assert found["loss"].finding == "too_few"
    for difference in found.values():
        assert "low" not in difference.as_dict()
        json.dumps(difference.as_dict(), allow_nan=False)


def signed(losses, tokens, n_bytes, **parts: str) -> TokenRows:
    how = {"window": "8", "tok": "a", "dtype": "float32", **parts}
    return rows(losses, tokens, None, n_bytes, signature=Signature("perplexity", tuple(how.items())))


def test_across_tokenizers_only_bytes_are_compared():
    before = signed([4.0, 6.0, 5.0], [2, 3, 4], [9, 9, 9])
    after = signed([3.0, 5.0, 5.5], [4, 6, 5], [9, 9, 9], tok="b", window="16")
    assert set(compare_rows(before, after)) == {"bits_per_byte"}
    unsigned = [TokenRows(made.losses, made.tokens, made.correct, made.n_bytes) for made in (before, after)]
    assert set(compare_rows(*unsigned)) == {"bits_per_byte"}


def test_another_window_with_the_same_tokenizer_is_refused_another_dtype_is_not():
    before = signed([4.0, 6.0], [2, 3], [9, 9])
    with pytest.raises(ConfigError) as caught:
        compare_rows(before, signed([4.0, 6.0], [2, 3], [9, 9], window="16"))
    assert caught.value.key == "evaluation.other_signature"
    assert "window:16" in str(caught.value)
    assert "loss" in compare_rows(before, signed([4.0, 6.0], [2, 3], [9, 9], dtype="bfloat16"))


def test_other_rows_are_refused():
    places = (("a.jsonl", 3), ("a.jsonl", 7))
    before = rows([4.0, 6.0], [2, 3], n_bytes=[9, 9], places=places)
    with pytest.raises(DataError) as caught:
        compare_rows(before, rows([4.0, 6.0], [2, 3], n_bytes=[9, 8], places=places))
    assert caught.value.key == "evaluation.other_rows"
    assert caught.value.values == {"path": "a.jsonl", "line": 7, "before": 9, "after": 8}
    with pytest.raises(DataError) as caught:
        compare_rows(before, rows([4.0], [2], n_bytes=[9]))
    assert caught.value.key == "evaluation.other_count"


def test_a_model_that_is_broken_is_not_compared():
    assert compare_rows(rows([4.0, math.nan], [2, 3]), rows([4.0, 1.0], [2, 3])) == {}


def test_rows_are_taken_with_their_places():
    made = rows([1.0, 2.0, 3.0], [1, 2, 3], n_bytes=[4, 5, 6], places=(("a", 1), ("a", 2), ("b", 1))).take([2, 0])
    assert made.losses.tolist() == [3.0, 1.0]
    assert made.n_bytes.tolist() == [6, 4]
    assert made.places == (("b", 1), ("a", 1))


def test_a_signature_reads_like_sacrebleus():
    made = Signature("perplexity", (("level", "token"), ("window", "1024")))
    assert str(made) == "perplexity|level:token|window:1024"
    assert made.differs_in(made) == []
    assert made.differs_in(Signature("bleu", made.parts)) == ["metric"]

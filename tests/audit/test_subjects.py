"""A model under audit answers as it does anywhere else: alone or in a batch, with probabilities as transformers has them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from afinar import messages
from afinar.audit.labels import label_columns, named_scores
from afinar.audit.probes import Answer, Ask, Failure, Likelihood, LogLikelihood, Score, Scores
from afinar.audit.subjects import ModelSubject
from afinar.data.chat import encode_classified, encode_prompt
from afinar.errors import DataError
from afinar.evaluation.generate import generate
from afinar.evaluation.likelihood import log_likelihoods
from tests.tiny import tiny_model, tiny_tokenizer

LABELS = (("positivo", ("POS",)), ("negativo", ("neg",)))
QUESTION = "Resenha: {input}\nNota:"


@pytest.fixture(scope="module")
def causal() -> ModelSubject:
    return ModelSubject(tiny_model(seed=1), tiny_tokenizer(), task="causal", name="tiny")


@pytest.fixture(scope="module")
def classifier() -> ModelSubject:
    model = tiny_model(task="classification", seed=2)
    return ModelSubject(model, tiny_tokenizer(), task="classification", name="tiny", label_names=("neg", "pos"), max_length=40)


class TestText:
    def test_the_answer_is_what_generation_gives_and_not_the_prompt(self, causal: ModelSubject) -> None:
        [answer] = causal.respond([Ask("Bom dia", 6)])
        ids = encode_prompt(causal.tokenizer, "Bom dia")
        assert answer == Answer(generate(causal.model, causal.tokenizer, [ids], max_new_tokens=6)[0], truncated=True)

    def test_through_the_chat_template_or_as_running_text(self, causal: ModelSubject) -> None:
        plain = ModelSubject(causal.model, causal.tokenizer, task="causal", name="tiny", running_text=True)
        chat = encode_prompt(causal.tokenizer, "Bom dia")
        text = encode_prompt(causal.tokenizer, "Bom dia", chat=False)
        assert chat != text
        for subject, ids in ((causal, chat), (plain, text)):
            [answer] = subject.respond([Ask("Bom dia", 6)])
            assert isinstance(answer, Answer)
            assert answer.text == generate(causal.model, causal.tokenizer, [ids], max_new_tokens=6)[0]

    def test_a_conversation(self, causal: ModelSubject) -> None:
        turns = (("system", "Responda."), ("user", "Oi?"))
        [answer] = causal.respond([Ask(turns, 5)])
        ids = encode_prompt(causal.tokenizer, [{"role": role, "content": content} for role, content in turns])
        assert isinstance(answer, Answer)
        assert answer.text == generate(causal.model, causal.tokenizer, [ids], max_new_tokens=5)[0]

    def test_in_a_batch_as_alone_and_in_order(self, causal: ModelSubject) -> None:
        asks = [Ask("a" * length, limit) for length in (3, 30, 1) for limit in (4, 9)]
        assert causal.respond(asks) == [causal.respond([ask])[0] for ask in asks]

    def test_a_sampled_answer_depends_on_its_own_seed_alone(self, causal: ModelSubject) -> None:
        asks = [Ask("oi", 12, temperature=1.5, seed=seed) for seed in (11, 2**60 + 3, 12)]
        together = causal.respond([Ask("outra", 12, temperature=1.5, seed=7), *asks])[1:]
        assert together == [causal.respond([ask])[0] for ask in asks]
        assert len({answer.text for answer in together if isinstance(answer, Answer)}) == 3

    def test_a_prompt_without_room_is_a_failure_of_its_own(self, causal: ModelSubject) -> None:
        long, short = causal.respond([Ask("a" * 500, 4), Ask("a", 4)])
        assert isinstance(long, Failure)
        assert (long.key, long.values["positions"]) == ("evaluation.long_prompt", 128)
        assert isinstance(short, Answer)

    def test_a_conversation_without_a_template_is_a_failure(self, causal: ModelSubject) -> None:
        bare = ModelSubject(causal.model, tiny_tokenizer(chat=False), task="causal", name="tiny")
        [failure] = bare.respond([Ask((("user", "Oi?"),), 4)])
        assert isinstance(failure, Failure)
        assert failure.key == "data.no_template"

    def test_an_answer_that_ends_by_itself_is_not_truncated(self) -> None:
        model = tiny_model()
        model.lm_head = torch.nn.Linear(32, 288)
        torch.nn.init.zeros_(model.lm_head.weight)
        torch.nn.init.zeros_(model.lm_head.bias).data[2] = 1.0  # EOS, whatever the question
        assert ModelSubject(model, tiny_tokenizer(), task="causal", name="tiny").respond([Ask("a", 4)]) == [Answer("")]


class TestLabels:
    def test_a_classifiers_probabilities_under_the_suites_names(self, classifier: ModelSubject) -> None:
        texts = ["bom", "ruim demais", "x"]
        scores = classifier.respond([Score(text, LABELS) for text in texts])
        for text, given in zip(texts, scores, strict=True):
            ids = torch.tensor([encode_classified(classifier.tokenizer, text, 40)])
            with torch.no_grad():
                expected = classifier.model(input_ids=ids).logits[0].double().softmax(-1)
            assert isinstance(given, Scores)
            assert given.probabilities["negativo"] == pytest.approx(expected[0].item(), abs=1e-6)
            assert given.probabilities["positivo"] == pytest.approx(expected[1].item(), abs=1e-6)

    def test_a_label_that_the_classifier_lacks_names_both_sides(self, classifier: ModelSubject) -> None:
        [failure] = classifier.respond([Score("x", (("tristeza", ()), ("alegria", ())))])
        assert isinstance(failure, Failure)
        assert messages.text(failure.key, **failure.values) == (
            "The suite's label 'tristeza' is none of the classifier's: neg, pos."
        )
        assert failure.key == "audit.unknown_label"

    def test_a_text_that_would_be_cut_is_a_failure(self, classifier: ModelSubject) -> None:
        fits = "a" * (40 - len(encode_classified(classifier.tokenizer, "a", 40)) + 1)
        whole, cut = classifier.respond([Score(fits, LABELS), Score(fits + "a", LABELS)])
        assert isinstance(whole, Scores)
        assert isinstance(cut, Failure)
        assert (cut.key, cut.values) == ("audit.long_text", {"limit": 40})

    def test_a_classifier_gives_no_text(self, classifier: ModelSubject) -> None:
        given = classifier.respond([Ask("oi", 4), Score("x", LABELS), Likelihood("oi")])
        assert [type(each) for each in given] == [Failure, Scores, Failure]
        assert isinstance(given[0], Failure)
        assert given[0].key == "audit.only_labels"

    def test_a_causal_models_labels_by_their_likelihood_after_the_question(self, causal: ModelSubject) -> None:
        [given] = causal.respond([Score("muito bom {x}", LABELS, QUESTION)])
        context = "Resenha: muito bom {x}\nNota:"
        pairs = [(context, " positivo"), (context, " negativo")]
        nats = [likely.nats for likely in log_likelihoods(causal.model, causal.tokenizer, pairs)]
        assert isinstance(given, Scores)
        assert given.probabilities["positivo"] == pytest.approx(1 / (1 + math.exp(nats[1] - nats[0])), abs=1e-6)
        assert sum(given.probabilities.values()) == pytest.approx(1)

    def test_no_second_blank_after_a_question_that_ends_in_one(self, causal: ModelSubject) -> None:
        [bare, blank] = causal.respond([Score("bom", LABELS, "{input} ="), Score("bom", LABELS, "{input} = ")])
        assert isinstance(bare, Scores)
        assert isinstance(blank, Scores)
        assert bare.probabilities["positivo"] == pytest.approx(blank.probabilities["positivo"], abs=1e-6)

    def test_a_causal_model_needs_a_question(self, causal: ModelSubject) -> None:
        [failure] = causal.respond([Score("bom", LABELS)])
        assert isinstance(failure, Failure)
        assert failure.key == "audit.no_question"

    def test_a_question_that_does_not_fit_is_a_failure(self, causal: ModelSubject) -> None:
        [failure, fine] = causal.respond([Score("a" * 200, LABELS, QUESTION), Score("a", LABELS, QUESTION)])
        assert isinstance(failure, Failure)
        assert failure.key == "evaluation.long_prompt"
        assert isinstance(fine, Scores)


class TestLikelihoods:
    def test_as_measured_anywhere_else(self, causal: ModelSubject) -> None:
        pairs = [("O gato", " dorme"), ("", "Céu")]
        given = causal.respond([Likelihood(text, context) for context, text in pairs])
        expected = log_likelihoods(causal.model, causal.tokenizer, pairs)
        for one, other in zip(given, expected, strict=True):
            assert isinstance(one, LogLikelihood)
            assert (one.tokens, one.n_bytes) == (other.tokens, other.n_bytes)
            assert one.nats == pytest.approx(other.nats)

    def test_a_context_that_would_be_cut_is_a_failure(self, causal: ModelSubject) -> None:
        [failure] = causal.respond([Likelihood(" x", "a" * 300)])
        assert isinstance(failure, Failure)
        assert failure.key == "evaluation.long_prompt"

    def test_what_is_no_number_is_a_failure(self) -> None:
        broken = tiny_model(seed=1)
        with torch.no_grad():
            broken.get_output_embeddings().weight.fill_(float("nan"))
        subject = ModelSubject(broken, tiny_tokenizer(), task="causal", name="broken")
        given = subject.respond([Likelihood("oi"), Score("x", LABELS, QUESTION)])
        assert [each.key for each in given if isinstance(each, Failure)] == ["audit.not_finite"] * 2


def test_progress_over_all_kinds_ends_at_the_number_of_probes(causal: ModelSubject) -> None:
    told: list[tuple[int, int]] = []
    probes: list[Any] = [Likelihood("a"), Ask("b", 2), Score("c", LABELS, QUESTION), Likelihood("d"), Ask("e" * 500, 2)]
    given = causal.respond(probes, lambda done, total: told.append((done, total)))
    assert [type(each) for each in given] == [LogLikelihood, Answer, Scores, LogLikelihood, Failure]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (5, 5)


class TestNames:
    def test_by_name_or_other_name_whatever_the_case(self) -> None:
        assert label_columns(LABELS, ("NEG", "pos")) == {"positivo": [1], "negativo": [0]}

    def test_several_classes_of_one_label_are_added_up(self) -> None:
        columns = label_columns((("bom", ("4 estrelas", "5 estrelas")),), ("1 estrela", "4 estrelas", "5 estrelas"))
        given = named_scores([0.5, 0.3, 0.2], columns, ("1 estrela", "4 estrelas", "5 estrelas"))
        assert given == {"bom": 0.5, "1 estrela": 0.5}

    def test_a_class_that_is_no_label_keeps_its_name(self) -> None:
        columns = label_columns(LABELS, ("pos", "neutro", "neg"))
        assert Scores(named_scores([0.2, 0.7, 0.1], columns, ("pos", "neutro", "neg"))).label == "neutro"

    def test_unknown(self) -> None:
        with pytest.raises(DataError) as caught:
            label_columns(LABELS, ("pos",))
        assert caught.value.values["label"] == "negativo"

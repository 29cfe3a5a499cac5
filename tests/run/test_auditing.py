"""A run audited at its end, and afterwards from its folder: base and adapted, by the same rule, with the same result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import afinar
from afinar.audit.config import AuditConfig
from afinar.audit.sources import load_suites
from afinar.config import RunConfig
from afinar.errors import ConfigError, DataError
from afinar.run import train
from afinar.run.auditing import suites_of
from tests.run.conftest import write_lines
from tests.tiny import tiny_model, tiny_tokenizer

Configure = Callable[..., RunConfig]
Files = tuple[Path, Path]

LABELS = {"positivo": ["pos"], "negativo": []}
SUITE: dict[str, Any] = {
    "afinar_suite": 1,
    "name": "prova",
    "version": "1.0.0",
    "language": "pt-BR",
    "about": "Resenhas.",
    "labels": LABELS,
    "question": "{input}\nNota:",
    "categories": {
        "claras": {"about": "Palavras claras.", "measures": "capability", "gate": {"at_least": 1.0}},
        "textos": {"about": "Texto corrido.", "measures": "forgetting", "gate": {"no_worse": True}},
    },
    "cases": [
        *(
            {"id": f"{label}{number}", "category": "claras", "input": f"caderno {number} {word}", "expect": {"label": label}}
            for label, word in (("positivo", "ótimo"), ("negativo", "péssimo"))
            for number in range(4)
        ),
        {"id": "prosa", "category": "textos", "passage": "Era uma vez um rio.", "expect": {"worse_by_at_most": 5.0}},
    ],
}


@pytest.fixture
def classifier(configure: Configure, reviews: Files) -> RunConfig:
    """A run that learns its reviews, and is audited by a suite that it has not seen."""
    return configure(reviews, {"name": "full"}, training={"epochs": 12.0, "learning_rate": 5e-3})


def suite_file(folder: Path, **changed: Any) -> Path:
    path = folder / "prova.json"
    path.write_text(json.dumps({**SUITE, **changed}, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_run_is_audited_at_its_end_and_again_from_its_folder(classifier: RunConfig, tmp_path: Path) -> None:
    path = suite_file(tmp_path)
    run = train(replace(classifier, audit=AuditConfig(suite=str(path))))
    found = run.results["audit"]
    claras = found["suites"][0]["categories"]["claras"]
    assert claras["model"]["n"] == 8
    assert (found["own_base"], found["task"]) == (True, "classification")
    assert claras["model"]["passed"] > claras["baseline"]["passed"]
    assert found["suites"][0]["categories"]["textos"]["model"]["skipped"] == 1  # a classifier has no likelihoods
    assert found["suites"][0]["leaks_checked"]

    assert json.loads((run.folder / "results.json").read_text(encoding="utf-8"))["audit"] == found
    assert json.loads((run.folder / "audit.json").read_text(encoding="utf-8")) == found
    lines = [json.loads(line) for line in (run.folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 2 * len(SUITE["cases"])

    again = afinar.audit(run.folder, path)
    assert again.as_dict() == found
    assert list(again.lines()) == lines


def test_a_wrong_suite_costs_no_training(classifier: RunConfig, tmp_path: Path) -> None:
    path = suite_file(tmp_path, cases=[{"id": "x", "category": "outra", "input": "y", "expect": {"label": "positivo"}}])
    with pytest.raises((ConfigError, DataError)):
        train(replace(classifier, audit=AuditConfig(suite=str(path))))
    assert not Path(classifier.output).exists()


def test_a_causal_run_before_and_after(configure: Configure, questions: Files, tmp_path: Path) -> None:
    run = train(configure(questions, {"name": "lora", "r": 4}))
    report = afinar.audit(run, suite_file(tmp_path))
    [suite] = report.as_dict()["suites"]
    passages = suite["categories"]["textos"]
    before, after = (passages[side]["measured"]["bits_per_byte"]["mean"] for side in ("baseline", "model"))
    assert before != after
    assert passages["measured_comparison"]["difference"] == pytest.approx(after - before)
    assert passages["model"]["passed"] == 1
    assert (report.as_dict()["model"], report.as_dict()["task"]) == (run.folder.as_posix(), "causal")

    # The base alone, loaded by its name, measures what the run with its adapter off does.
    plain = afinar.audit(str(run.config.model.name), suite_file(tmp_path)).as_dict()["suites"][0]["categories"]["textos"]
    assert plain["model"]["measured"]["bits_per_byte"]["mean"] == pytest.approx(before, abs=1e-6)


class TestBaselines:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        for name, seed in (("um", 1), ("dois", 2)):
            tiny_model(seed=seed).save_pretrained(tmp_path / name)
            tiny_tokenizer(chat=False).save_pretrained(tmp_path / name)
        return tmp_path

    def test_a_plain_model_has_none(self, model: Path) -> None:
        report = afinar.audit(model / "um", SUITE)
        assert report.as_dict()["baseline"] is None
        assert report.as_dict()["suites"][0]["categories"]["textos"]["model"]["inconclusive"] == 1

    def test_another_model(self, model: Path) -> None:
        report = afinar.audit(model / "um", SUITE, baseline=model / "dois")
        assert report.as_dict()["baseline"] == (model / "dois").as_posix()
        assert not report.as_dict()["own_base"]
        assert {line["role"] for line in report.lines()} == {"model", "baseline"}

    def test_a_model_against_itself_differs_in_nothing(self, model: Path) -> None:
        found = afinar.audit(model / "um", SUITE, baseline=model / "um").as_dict()["suites"][0]
        assert (found["overall"]["comparison"]["fixed"], found["overall"]["comparison"]["broke"]) == (0, 0)
        assert found["categories"]["textos"]["measured_comparison"]["difference"] == 0

    def test_a_plain_model_has_no_base_of_its_own(self, model: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            afinar.audit(model / "um", SUITE, baseline="base")
        assert caught.value.key == "run.nothing_to_compare"

    def test_categories(self, model: Path) -> None:
        found = afinar.audit(model / "um", SUITE, categories=["textos"]).as_dict()["suites"][0]
        assert list(found["categories"]) == ["textos"]
        with pytest.raises(ConfigError) as caught:
            afinar.audit(model / "um", SUITE, categories=["testos"])
        assert caught.value.key == "audit.unknown_category"

    def test_categories_of_several_suites(self, model: Path) -> None:
        other = {
            **SUITE,
            "name": "outra",
            "categories": {"claras": SUITE["categories"]["claras"]},
            "cases": SUITE["cases"][:8],
        }
        found = afinar.audit(model / "um", [SUITE, other], categories=["textos", "claras"]).as_dict()
        assert [list(each["categories"]) for each in found["suites"]] == [["claras", "textos"], ["claras"]]
        with pytest.raises(ConfigError) as caught:
            afinar.audit(model / "um", [SUITE, other], categories=["nada"])
        assert caught.value.key == "core.choice"

    def test_training_data_that_are_named(self, model: Path, tmp_path: Path) -> None:
        data = write_lines(tmp_path / "dados.jsonl", [{"text": "Caderno 2, ÓTIMO!"}, {"text": "outra"}])
        for strict, passed in ((False, 8), (True, 7)):
            report = afinar.audit(model / "um", SUITE, train_data=str(data), strict=strict)
            [suite] = report.as_dict()["suites"]
            assert suite["categories"]["claras"]["leaked"] == 1
            assert suite["categories"]["claras"]["model"]["n"] == passed
        with pytest.raises(DataError):
            afinar.audit(model / "um", SUITE, train_data="sumiu.jsonl")


class TestSuites:
    def write(self, folder: Path, *names: str) -> None:
        for name in names:
            (folder / f"{name}.json").write_text(json.dumps({**SUITE, "name": name}), encoding="utf-8")

    def test_by_file_folder_and_comma(self, tmp_path: Path) -> None:
        self.write(tmp_path, "b", "a")
        (tmp_path / "LEIA.md").write_text("nada", encoding="utf-8")
        assert [suite.name for suite in load_suites(tmp_path)] == ["a", "b"]
        assert [suite.name for suite in load_suites(f"{tmp_path / 'b.json'}, {tmp_path / 'a.json'}")] == ["b", "a"]
        assert [suite.name for suite in load_suites([tmp_path / "a.json", {**SUITE, "name": "c"}])] == ["a", "c"]
        [one] = load_suites(SUITE)
        assert load_suites(one) == [one]

    def test_two_of_one_name(self, tmp_path: Path) -> None:
        self.write(tmp_path, "a")
        with pytest.raises(ConfigError) as caught:
            load_suites([tmp_path, tmp_path / "a.json"])
        assert caught.value.key == "audit.same_name"

    def test_a_folder_without_any(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load_suites(tmp_path)
        assert caught.value.key == "audit.no_suites"

    def test_none_in_a_config(self) -> None:
        assert suites_of(AuditConfig()) == []

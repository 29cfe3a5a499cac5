"""Suites are read from every source alike; what is wrong in them is told with its line, all at once, in both languages."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from afinar import messages
from afinar.audit import loading, reading
from afinar.audit.loading import bundled_suites, content_hash, load_suite, suite_path
from afinar.audit.problems import COUNTED, MAX_CHARACTERS, SHOWN, Problems, dotted, shown
from afinar.errors import ConfigError, DataError

from .trees import problem, problems, tree

YAML = """\
afinar_suite: 1
name: teste/suite
version: 1.0.0
language: pt-BR
about: Um teste.
labels: {positivo: [positive], negativo: [negative]}
categories:
  fatos: {about: Perguntas., measures: capability}
cases:
  - id: caso0
    category: fatos
    input: Qual é a capital do Brasil?
    expect: {required_words: [Brasília]}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def as_jsonl(given: dict[str, Any]) -> str:
    header = {key: value for key, value in given.items() if key != "cases"}
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (header, *given["cases"]))


class TestSources:
    def test_the_same_suite_from_every_source(self, tmp_path: Path) -> None:
        sources = [
            tree(),
            write(tmp_path / "a.yaml", YAML),
            str(write(tmp_path / "a.yml", YAML)),
            write(tmp_path / "a.json", json.dumps(tree(), indent=2)),
            write(tmp_path / "a.jsonl", as_jsonl(tree())),
            write(tmp_path / "b.jsonl", "\n" + as_jsonl(tree()).replace("\n", "\r\n\n")),
            write(tmp_path / "bom.yaml", "\ufeff" + YAML),
        ]
        suites = [load_suite(source) for source in sources]
        assert all(suite == suites[0] for suite in suites)
        assert len({content_hash(suite) for suite in suites}) == 1
        assert suites[0].cases[0].expect.required_words == ("Brasília",)

    def test_bundled_suites_load_by_name(self) -> None:
        assert {"afinar/sentimento", "afinar/vies"} <= set(bundled_suites())
        suite = load_suite("afinar/sentimento")
        assert suite.name == "afinar/sentimento"
        assert len(suite.cases) > 1

    def test_unknown_bundled_name(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load_suite("afinar/sentimemto")
        assert caught.value.key == "suites.bundled"
        assert caught.value.values["near"] == "afinar/sentimento"

    def test_a_local_folder_of_a_bundled_name(self) -> None:
        assert suite_path("./afinar/x.yaml") == Path("afinar/x.yaml")
        assert suite_path(Path("afinar/sentimento")) == Path("afinar/sentimento")

    @pytest.mark.parametrize(
        ("name", "key"),
        [("none.yaml", "suites.not_found"), ("folder.yaml", "suites.not_a_file"), ("a.txt", "suites.format")],
    )
    def test_what_is_no_suite_file(self, name: str, key: str, tmp_path: Path) -> None:
        (tmp_path / "folder.yaml").mkdir()
        (tmp_path / "a.txt").touch()
        with pytest.raises(ConfigError) as caught:
            load_suite(tmp_path / name)
        assert caught.value.key == key

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.yaml")
        with pytest.raises(ConfigError) as caught:
            load_suite(tmp_path / "pipe.yaml")
        assert caught.value.key == "suites.not_a_file"

    def test_a_path_that_no_file_can_have(self) -> None:
        for path in ("a\0b.yaml", "x" * 5000 + ".yaml"):
            with pytest.raises(ConfigError) as caught:
                load_suite(path)
            assert caught.value.key in ("suites.not_found", "suites.unreadable")

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_bytes(b"name: caf\xe9\n")
        with pytest.raises(ConfigError) as caught:
            load_suite(tmp_path / "a.yaml")
        assert (caught.value.key, caught.value.values["problem"]) == ("suites.unreadable", "UTF-8, byte 9")

    @pytest.mark.parametrize("suffix", [".yaml", ".json", ".jsonl"])
    @pytest.mark.parametrize("text", ["", " \n", "# nothing\n", "[]", "5", "null", "~"])
    def test_texts_that_are_no_suite(self, suffix: str, text: str, tmp_path: Path) -> None:
        with pytest.raises((ConfigError, DataError)) as caught:
            load_suite(write(tmp_path / f"a{suffix}", text))
        if text.strip() == "":
            assert caught.value.values["problems"][0][1].key == "suites.not_a_suite"

    def test_a_header_with_cases(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load_suite(write(tmp_path / "a.jsonl", json.dumps(tree()) + "\n"))
        assert (caught.value.key, caught.value.values["where"]) == ("suites.header_cases", f"{tmp_path}/a.jsonl:1")

    def test_a_line_that_is_no_json(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            load_suite(write(tmp_path / "a.jsonl", as_jsonl(tree()) + "{\n"))
        assert (caught.value.key, caught.value.values["line"]) == ("data.json", 3)

    def test_json_with_something_after_it(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            load_suite(write(tmp_path / "a.json", json.dumps(tree()) + "\n{}"))
        assert (caught.value.key, caught.value.values["line"]) == ("data.json", 2)

    def test_a_key_that_stands_twice(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load_suite(write(tmp_path / "a.yaml", YAML + "name: b\n"))
        assert caught.value.key == "config.duplicate"
        with pytest.raises(DataError) as also:
            load_suite(write(tmp_path / "a.json", '{"name": "a", "name": "b"}'))
        assert also.value.key == "data.json_duplicate"


class TestLines:
    def broken(self) -> dict[str, Any]:
        return tree(
            {"input": "a", "expect": {"exact": "b"}},
            {"input": "a", "expect": {"contian": ["b"]}},
            {"input": "a", "expect": {"exact": "b", "length": {"min_words": 1, "max_words": "2"}}},
        )

    def test_yaml(self, tmp_path: Path) -> None:
        path = write(tmp_path / "s.yaml", YAML.replace("required_words", "required_wrods"))
        ((where, found),) = problems(path)
        assert where == f"{path}:13"
        assert dotted(found.place) == "cases[0].expect.required_wrods: "
        assert (found.key, found.values["near"]) == ("suites.unknown_near", "required_words")

    def test_json_finds_the_line_by_walking_there(self, tmp_path: Path) -> None:
        text = json.dumps(self.broken(), indent=2, ensure_ascii=False)
        found = problems(write(tmp_path / "s.json", text))
        lines = text.splitlines()
        assert [where.rpartition(":")[2] for where, _ in found] == [
            str(1 + next(n for n, line in enumerate(lines) if word in line)) for word in ("contian", "max_words")
        ]

    def test_json_lines_name_the_line_of_the_case(self, tmp_path: Path) -> None:
        path = write(tmp_path / "s.jsonl", as_jsonl(self.broken()))
        assert [where for where, _ in problems(path)] == [f"{path}:3", f"{path}:4"]
        path = write(tmp_path / "t.jsonl", as_jsonl(tree(version="1")))
        assert [where for where, _ in problems(path)] == [f"{path}:1"]

    def test_a_missing_key_is_told_where_its_owner_stands(self, tmp_path: Path) -> None:
        path = write(tmp_path / "s.yaml", YAML.replace("    category: fatos\n", ""))
        assert {where for where, _ in problems(path)} == {f"{path}:10"}

    def test_a_mapping_has_no_lines(self) -> None:
        assert [where for where, _ in problems(self.broken())] == ["dict", "dict"]


class TestReport:
    def test_the_first_few_and_how_many_more(self) -> None:
        cases = [{"input": "a", "expect": {"contian": ["b"]}} for _ in range(SHOWN + 4)]
        found = problems(tree(*cases))
        assert len(found) == SHOWN + 4
        text = str(Problems(found))
        assert (
            text.splitlines()[0] == 'dict: cases[0].expect.contian: there is no key "contian" here. Did you mean `contains`?'
        )
        assert text.splitlines()[-1] == "... and 4 more."
        assert len(text.splitlines()) == SHOWN + 1

    def test_not_more_than_anyone_reads(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load_suite(tree(*[{"input": "a", "expect": {"contian": ["b"]}}] * (COUNTED + 1)))
        assert caught.value.values["count"] == f"{COUNTED}+"
        assert len(caught.value.values["problems"]) == COUNTED
        long = str(problem(tree({"input": "a", "expect": {"regex": ["(" * 900]}})))
        assert len(long) <= MAX_CHARACTERS

    def test_in_portuguese(self) -> None:
        messages.use("pt")
        with pytest.raises(ConfigError) as caught:
            load_suite(tree({"input": "a", "expect": {"exact": 5}}))
        assert str(caught.value) == (
            "Problemas na suíte dict: 1\n"
            "dict: cases[0].expect.exact: veio 5; esperado um texto ou uma lista. "
            'Ponha entre aspas palavras e números que são texto: "no", "true", "42".'
        )

    @pytest.mark.parametrize(
        "value", ["x" * 1000, "a\nb\x1b[31m", {"a": "b" * 1000}, [None] * 500, None, True, 1e300, "\ud800"]
    )
    def test_values_are_quoted_short_and_printable(self, value: Any) -> None:
        assert len(shown(value)) <= 60
        assert shown(value).isprintable()


class TestHash:
    def test_defaults_written_out_change_nothing(self) -> None:
        assert content_hash(load_suite(tree())) == content_hash(load_suite(tree(max_new_tokens=64)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"about": "Outro."},
            {"version": "1.0.1"},
            {"max_new_tokens": 65},
            {"labels": {"negativo": ["negative"], "positivo": ["positive"]}},
        ],
    )
    def test_everything_counts_also_the_order_of_labels(self, changes: dict[str, Any]) -> None:
        assert content_hash(load_suite(tree())) != content_hash(load_suite(tree(**changes)))

    def test_it_is_stable(self) -> None:
        assert content_hash(load_suite(tree())) == "3d705a37a64909bd1d3b1d41b50e0ea8728c5a0c668a8c45a24c9ead3b1c7f19"


class TestLimits:
    def test_large_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_BYTES", 3_000_000)
        for name, size in (("a.yaml", 1_000_001), ("a.json", 3_000_001), ("a.jsonl", 3_000_001)):
            path = tmp_path / name
            path.write_bytes(b" " * size)
            with pytest.raises(ConfigError) as caught:
                load_suite(path)
            assert caught.value.key == "suites.too_large"

    def test_aliases_of_aliases(self, tmp_path: Path) -> None:
        lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
        with pytest.raises(ConfigError) as caught:
            load_suite(write(tmp_path / "bomb.yaml", "\n".join(lines)))
        assert caught.value.key == "config.too_many"

    def test_one_long_text_many_times(self, tmp_path: Path) -> None:
        text = f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 5000)}]\n"
        with pytest.raises(ConfigError) as caught:
            load_suite(write(tmp_path / "bomb.yaml", text))
        assert caught.value.key == "config.too_many"

    def test_an_alias_that_holds_itself(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load_suite(write(tmp_path / "self.yaml", "cases: &a [*a]\n"))
        assert caught.value.key == "config.too_deep"

    def test_deep_nesting(self, tmp_path: Path) -> None:
        deep: Any = "x"
        for _ in range(20):
            deep = [deep]
        for source in (tree(cases=deep), write(tmp_path / "a.json", json.dumps(deep))):
            with pytest.raises(ConfigError) as caught:
                load_suite(source)
            assert caught.value.key == "config.too_deep"

    def test_a_mapping_that_holds_itself(self) -> None:
        given = tree()
        given["cases"].append(given)
        with pytest.raises(ConfigError) as caught:
            load_suite(given)
        assert caught.value.key == "config.too_deep"

    def test_more_values_than_there_may_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_NODES", 100)
        with pytest.raises(ConfigError) as caught:
            load_suite(tree(*[{"input": "a", "expect": {"exact": "b"}}] * 50))
        assert caught.value.key == "config.too_many"

    def test_a_mapping_with_odd_values(self) -> None:
        assert problem(tree(about=object())).key == "suites.type"
        assert problem(tree() | {5: "x"}).key == "suites.value"
        assert problem(tree(about="\ud800")).key == "suites.value"


def test_the_folder_of_the_bundled_suites_is_shipped() -> None:
    assert all(suite_path(name).is_file() for name in bundled_suites())
    assert loading.FOLDER.name == "suites"

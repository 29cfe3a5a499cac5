"""Hostile suites and answers end in a suite or one of our errors, and in time: never a traceback, never a hang.

The quick suite runs some hundred examples of each kind; `slow` runs thousands.
"""

from __future__ import annotations

import json
import string
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from afinar import messages
from afinar.audit import checks
from afinar.audit.assertions import patterns
from afinar.audit.assertions.judging import judge_answer
from afinar.audit.loading import bundled_suites, content_hash, load_suite, suite_path
from afinar.audit.probes import Answer, Ask, Scores
from afinar.audit.schema import Check, Expect, Suite
from afinar.audit.verdicts import Status
from afinar.errors import AfinarError

from .trees import tree

SECONDS = 20  # for one source; the slowest take a few

quick = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
thorough = settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))


def survives(source: Any) -> Suite | None:
    """The suite, or None after one of our errors whose text can be read in both languages."""
    start = time.monotonic()
    suite = None
    try:
        suite = load_suite(source)
    except AfinarError as error:
        texts = [_read(error, language) for language in messages.LANGUAGES]
        if any(len(text) > 20_000 for text in texts):
            raise AssertionError("An error that nobody can read.") from error
    assert time.monotonic() - start < SECONDS
    return suite


def _read(error: AfinarError, language: messages.Language) -> str:
    messages.use(language)
    text = str(error)
    messages.use(None)
    return text


def from_text(text: str | bytes, suffix: str, folder: Path) -> Suite | None:
    path = folder / f"hostile{suffix}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return survives(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


# --- strategies ----------------------------------------------------------------------------------------------------

KEYS = sorted(
    {name for model in (Suite, Check, Expect) for name in model.model_fields}
    | {
        "template",
        "over",
        "prefer",
        "anti",
        "stereotype",
        "passage",
        "changed",
        "groups",
        "words",
        "gate",
        "measures",
        "by",
        "kinds",
    }
)
WORDS = st.sampled_from(
    ["a", "", " ", "no", "positivo", "fatos", "pt-BR", "1.0.0", "{input}", "{p}", "{p.x}", "{", "(a+)+$", "capability",
     "typos", "same_label", "same_answer", "same_verdict", "all",
     "user", "\ud800", "\u0000", "é" * 300, "(?:a{999}){999}", "pessoas"]
)  # fmt: skip
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 3), st.integers(), st.floats(), WORDS, st.text(max_size=20))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | WORDS, inner, max_size=5),
    max_leaves=25,
)
YAML_TEXT = st.text(st.sampled_from(string.printable + "éã\u2028\ufeff\x85&*!|>%@`"), max_size=300)


@st.composite
def broken_trees(draw: st.DrawFn) -> dict[str, Any]:
    """A valid suite with something put, moved or taken at random places."""
    given = json.loads(json.dumps(draw(st.sampled_from(SEEDS))))
    for _ in range(draw(st.integers(1, 4))):
        at: Any = given
        while True:
            steps = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if not isinstance(at[step], dict | list) or draw(st.integers(0, 3)) == 0:
                break
            at = at[step]
        what = draw(st.integers(0, 2))
        if what == 0 and steps:
            at[step] = draw(VALUES)
        elif what == 1 and steps:
            del at[step]
        elif isinstance(at, dict):
            at[draw(st.sampled_from(KEYS))] = draw(VALUES)
        else:
            at.append(draw(VALUES))
    return given


SEEDS = [
    tree(
        {"input": "a", "expect": {"exact": "b", "length": {"min_words": 1}}},
        {
            "input": [{"role": "user", "content": "a"}],
            "expect": {"regex": ["a+"]},
            "sampling": {"n": 2, "seed": 0, "passes": "all"},
        },
        {"input": "a", "perturb": {"kinds": ["typos"], "expect": "same_label"}},
        {"input": "a", "changed": "b", "expect": {"label": "positivo", "change": "higher"}},
        {"template": "{p} riu.", "over": {"p": "pessoas"}, "expect": {"equal_label": True}},
        {"prefer": "a {v}", "over": "b {v}", "slots": {"v": "variar"}, "expect": {}},
        {"stereotype": "a", "anti": "b", "attribute": "idade", "expect": {"max_gap": 0.5}},
        {"passage": "a", "expect": {"worse_by_at_most": 0.1}},
        question="{input}?",
        lexicons={
            "pessoas": {"attribute": "idade", "groups": {"x": ["avó", {"nome": "tia", "o": "a"}], "y": ["neta"]}},
            "variar": {"words": ["1", "2"]},
        },
        datasheet={"shows": ["a"], "does_not_show": ["b"], "made": "c", "licence": "d"},
    )
]


def fuzz(strategy: Any, property_: Callable[[Any], Any], examples: settings) -> Counter[bool]:
    """How often `property_` gave something, and how often None: a suite that loads or is refused, a problem or none."""
    found: Counter[bool] = Counter()

    @examples
    @given(strategy)
    def run(value: Any) -> None:
        found[property_(value) is not None] += 1

    run()
    return found


def depth(size: str) -> settings:
    return thorough if size == "thorough" else quick


sizes = pytest.mark.parametrize("size", ["quick", pytest.param("thorough", marks=pytest.mark.slow)])
suffixes = pytest.mark.parametrize("suffix", [".yaml", ".json", ".jsonl"])


# --- any source ----------------------------------------------------------------------------------------------------


class TestFuzz:
    @sizes
    @suffixes
    def test_bytes(self, suffix: str, size: str, folder: Path) -> None:
        found = fuzz(st.binary(max_size=400), lambda data: from_text(data, suffix, folder), depth(size))
        assert found[False] > 0
        assert found[True] == 0  # no bytes at random are a suite

    @sizes
    @suffixes
    def test_text(self, suffix: str, size: str, folder: Path) -> None:
        found = fuzz(YAML_TEXT, lambda text: from_text(text, suffix, folder), depth(size))
        assert found[False] > 0
        assert found[True] == 0

    @sizes
    def test_trees(self, size: str) -> None:
        found = fuzz(VALUES, lambda value: survives({"cases": value} if not isinstance(value, dict) else value), depth(size))
        assert found[False] > 0
        assert found[True] == 0

    @sizes
    def test_suites_with_something_wrong(self, size: str) -> None:
        found = fuzz(broken_trees(), lambda value: used(survives(value)), depth(size))
        assert min(found[True], found[False]) > 0  # some of the changes do no harm, and what loads is then used

    @sizes
    def test_suites_with_something_wrong_as_text(self, size: str, folder: Path) -> None:
        def everywhere(value: dict[str, Any]) -> Suite | None:
            cases = value.get("cases")
            rows = [{k: v for k, v in value.items() if k != "cases"}, *(cases if isinstance(cases, list) else [cases])]
            whole = from_text(json.dumps(value), ".json", folder)
            from_text("\n".join(json.dumps(row) for row in rows), ".jsonl", folder)
            from_text(json.dumps(value, indent=1), ".yaml", folder)
            return whole

        found = fuzz(broken_trees(), everywhere, settings(depth(size), max_examples=2000 if size == "thorough" else 15))
        assert found[False] > 0

    @sizes
    def test_a_shipped_suite_with_characters_changed(self, size: str, folder: Path) -> None:
        text = suite_path("afinar/sentimento").read_text(encoding="utf-8")[:6000]
        changes = st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, 8), YAML_TEXT.map(lambda t: t[:4])), max_size=4)

        def changed(edits: list[tuple[int, int, str]]) -> Suite | None:
            broken = text
            for start, length, new in edits:
                broken = broken[:start] + new + broken[start + length :]
            return from_text(broken, ".yaml", folder)

        found = fuzz(changes, changed, settings(depth(size), max_examples=1000 if size == "thorough" else 15))
        assert found[False] > 0


def used(suite: Suite | None) -> Suite | None:
    """The same; a suite that loads can be hashed, asked and judged, whatever the model answers."""
    assert suite is None or len(content_hash(suite)) == 64
    for case in suite.cases if suite else ():
        if isinstance(case, Check):
            for task in ("causal", "classification"):
                probes = checks.probes(case, suite, task)
                given = [Answer("") if isinstance(p, Ask) else Scores({name: 0.5 for name, _ in p.labels}) for p in probes]
                if checks.applies(case, suite, task):
                    assert checks.judge(case, suite, task, given, None).status in Status
    return suite


# --- bombs ---------------------------------------------------------------------------------------------------------

BOMBS = {
    "flow": "a: " + "[" * 100_000,
    "block": "- " * 100_000,
    "keys": "? " * 50_000,
    "maps": "{a: " * 50_000,
    "anchors": "&a " * 50_000,
    "duplicates": "? a\n" * 5_000,
    "documents": "---\n" * 50_000,
    "directives": "%YAML 9.9\n---\na: 1",
    "tags": "a: !!python/object/apply:os.system [echo]",
    "binary": "a: !!binary aGk=",
    "merge": "a: &a {b: 1}\nc: {<<: *a, d: 2}",
    "digits": "a: " + "9" * 100_000,
    "long key": "a" * 200_000 + ": b",
    "escapes": 'a: "' + "\\u0041" * 50_000 + '"',
    "folded": "a: >\n" + " x\n" * 30_000,
    "nul": "a: \x00",
    "surrogates": 'a: "\\ud800"',
    "alias": "a: &a\n  - *a",
    "unknown alias": "a: *b",
    "tabs": "\t" * 50_000,
}


class TestBombs:
    @pytest.mark.parametrize("name", [*list(BOMBS)[1:], pytest.param("flow", marks=pytest.mark.slow)])
    def test_yaml(self, name: str, folder: Path) -> None:
        assert from_text(BOMBS[name], ".yaml", folder) is None

    @pytest.mark.parametrize(
        "text",
        [
            "[" * 200_000,
            '{"a":' * 100_000,
            "9" * 100_000,
            '"' + "\\u0041" * 100_000 + '"',
            "[" + "1," * 500_000 + "1]",
            "\x00",
            "NaN",
        ],
        ids=range(7),
    )
    @pytest.mark.parametrize("suffix", [".json", ".jsonl"])
    def test_json(self, text: str, suffix: str, folder: Path) -> None:
        assert from_text(text, suffix, folder) is None

    @pytest.mark.slow
    def test_ten_megabytes(self, folder: Path) -> None:
        case = {"input": "a" * 900, "expect": {"exact": "b"}}
        rows = tree(*[case] * 9_500)
        header = {key: value for key, value in rows.items() if key != "cases"}
        text = "\n".join(json.dumps(row) for row in (header, *rows["cases"]))
        assert 9e6 < len(text) < 1e7
        suite = from_text(text, ".jsonl", folder)
        assert suite is not None
        assert len(suite.cases) == 9_500
        assert from_text(text + " " * 1_000_000, ".jsonl", folder) is None
        assert from_text("a: b\n" * 2_000_000, ".yaml", folder) is None
        assert from_text(text.replace("exact", "exakt"), ".jsonl", folder) is None  # 9,500 problems, a few of them told

    @pytest.mark.slow
    def test_thousands_of_problems_far_apart(self, folder: Path) -> None:
        names = {f"{'n' * 150}{n}": {"about": "a", "measures": "bias", "gate": {"max_gap": 0.1}} for n in range(1000)}
        cases = [{"input": "a", "category": f"{'n' * 150}x{n}", "expect": {"exact": "b"}} for n in range(20_000)]
        assert from_text(json.dumps(tree(*cases, categories=names)), ".json", folder) is None
        wrong = [{"input": "a", "expect": {"exakt": "b"}, "about": "c" * 150} for n in range(30_000)]
        assert from_text(json.dumps(tree(*wrong)), ".json", folder) is None

    @pytest.mark.slow
    def test_a_megabyte_of_yaml(self, folder: Path) -> None:
        for text in ("a: " + "x " * 490_000, "- [a, b]\n" * 100_000, "\n" * 999_000, "a: 'b\n " + "c\n " * 300_000 + "'"):
            path = folder / "large.yaml"
            path.write_text(text, encoding="utf-8")
            start = time.monotonic()
            with pytest.raises(AfinarError):
                load_suite(path)
            assert time.monotonic() - start < 120


# --- patterns and answers ------------------------------------------------------------------------------------------

PIECES = [
    "a",
    "b",
    "(",
    ")",
    "(?:",
    "*",
    "+",
    "?",
    "{2,}",
    "{9}",
    "|",
    "[ab]",
    ".",
    "\\w",
    "\\1",
    "^",
    "$",
    "(?=",
    "(?<=",
    "(?>",
    "é",
    "{e<=2}",
]
PATTERNS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
ANSWERS = st.one_of(
    st.text(max_size=80), st.sampled_from(["a" * 3000, "ab" * 2000 + "!", "\u0301" * 500, "não " * 500, "1.1," * 500])
)


class TestPatterns:
    @sizes
    def test_any_pattern_ends(self, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(patterns, "TIMEOUT_S", 0.05)

        def ends(pattern: str) -> None:
            start = time.monotonic()
            if patterns.problem_of(pattern) is None:
                judged = judge_answer(Answer("ab" * 5000 + "!"), Expect(regex=pattern), "pt")
                assert judged.status in (Status.PASS, Status.FAIL, Status.ERROR)
            assert time.monotonic() - start < SECONDS

        fuzz(PATTERNS, ends, depth(size))

    @sizes
    def test_any_text_is_a_pattern_or_a_problem(self, size: str) -> None:
        def told(pattern: str) -> str | None:
            problem = patterns.problem_of(pattern)
            if problem is None:
                assert regex.compile(pattern).pattern == pattern
                return None
            return messages.lookup(problem[0]).en

        found = fuzz(st.text(max_size=60), told, depth(size))
        assert min(found[True], found[False]) > 0


class TestAnswers:
    @sizes
    def test_any_answer_is_judged(self, size: str) -> None:
        expects = [
            Expect(exact="a b", contains=("a",), required_words=("a", "não"), forbidden_words=("b",), any_of=("x", "1")),
            Expect(numeric=1.5, length=_length(), refusal=False, accents=False),
            Expect(required_words=("É",), case_sensitive=True, negation="ignore", refusal=True),
            Expect(chrf=_chrf(), regex="a", not_regex=("b", r"\d{3}")),
        ]

        def judged(item: tuple[str, bool, str]) -> None:
            for expect in expects:
                found = judge_answer(Answer(item[0], item[1]), expect, item[2])
                assert found.status in Status
                assert all(messages.text(reason.key, **reason.values) for reason in found.reasons)
                json.dumps([dict(reason.values) for reason in found.reasons])

        fuzz(st.tuples(ANSWERS, st.booleans(), st.sampled_from(["pt", "en"])), judged, depth(size))

    def test_ten_megabytes(self) -> None:
        for text in ("a" * 10_000_000, "não é idiota " * 800_000, "1," * 5_000_000):
            start = time.monotonic()
            expect = Expect(forbidden_words=("idiota",), numeric=3.0, regex="(a+)+$", chrf=_chrf(), refusal=False)
            assert judge_answer(Answer(text), expect, "pt").status is Status.ERROR
            assert time.monotonic() - start < SECONDS

    @pytest.mark.parametrize(
        "text", ["idiota " * 28_000, "não " * 50_000, " " * 200_000, "a\u0301" * 100_000, "1.1,1" * 40_000]
    )
    def test_the_longest_that_are_judged(self, text: str) -> None:
        start = time.monotonic()
        expect = Expect(
            forbidden_words=("idiota x", "a"),
            any_of=("b c",),
            numeric=3.0,
            regex="q$",
            refusal=True,
            exact="z",
            length=_length(),
        )
        assert judge_answer(Answer(text[:200_000]), expect, "pt").status is Status.FAIL
        assert time.monotonic() - start < SECONDS


def _length() -> Any:
    from afinar.audit.schema import Length

    return Length(min_words=2, max_characters=50)


def _chrf() -> Any:
    from afinar.audit.schema import Chrf

    return Chrf(reference="a b c", at_least=10.0)


@pytest.mark.slow
def test_every_shipped_suite_survives_a_round_trip_through_json(folder: Path) -> None:
    def plain(name: str) -> Iterator[Any]:
        yield YAML(typ="safe", pure=True).load(suite_path(name).read_text(encoding="utf-8"))

    for name in bundled_suites():
        for value in plain(name):
            assert from_text(json.dumps(value, ensure_ascii=False), ".json", folder) == load_suite(name)

"""The documentation: its code runs, its configs load, its commands are understood, its links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

import afinar
from afinar import config, messages
from afinar.cli import commands, parsing, reference
from afinar.config import RunConfig, to_mapping
from afinar.data.formats import COLUMNS
from afinar.data.preflight import preview
from afinar.data.prepare import prepare_source
from afinar.data.sources import READERS
from afinar.metrics.difference import Finding
from afinar.metrics.wording import finding
from afinar.models import embedded
from afinar.models.config import ModelConfig
from afinar.models.load import load_tokenizer
from afinar.run.resuming import FREE
from afinar.training.from_config import LEARNING_RATES, automatic_rate
from tests.tiny import tiny_model, tiny_tokenizer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EN, PT = ({str(path.relative_to(DOCS / name)): path for path in (DOCS / name).rglob("*.md")} for name in messages.LANGUAGES)
BESIDE = [
    "README.md",
    "README.pt-BR.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "recipes/README.md",
    "src/afinar/data/bundled/README.md",
    "src/afinar/models/afinar_mini/README.md",
]
FILES = [*EN.values(), *PT.values(), *(ROOT / name for name in BESIDE)]
both = pytest.mark.parametrize("language", messages.LANGUAGES)


class Block(NamedTuple):
    """A fenced block, the heading above it, and the line where it begins."""

    page: Path
    line: int
    heading: str
    kind: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def without_comments(self) -> list[str]:
        """Its lines without comments, which are translated, and without the blanks that align them."""
        lines = [" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in self.text.splitlines()]
        return [line for line in lines if line]


def blocks(page: Path, *kinds: str) -> list[Block]:
    """The fenced blocks of a page, of all kinds or of these."""
    found: list[Block] = []
    heading, kind, start, lines = "", None, 0, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if kind is None and line.startswith("```"):
            kind, start, lines = line.removeprefix("```"), number, []
        elif kind is None:
            heading = line.lstrip("# ").strip() if line.startswith("#") else heading
        elif line == "```":
            found.append(Block(page, start, heading, kind, "\n".join(lines) + "\n"))
            kind = None
        else:
            lines.append(line)
    assert kind is None, f"{page}:{start}: the block is not closed"
    return [block for block in found if not kinds or block.kind in kinds]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def table(page: Path, first: str) -> list[list[str]]:
    """The rows of the table whose first heading is `first`."""
    text = page.read_text(encoding="utf-8")
    lines = text[re.search(rf"^\| {re.escape(first)} \|", text, re.MULTILINE).start() :].splitlines()  # type: ignore[union-attr]
    end = next((index for index, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:end]]


def of(name: str, *kinds: str) -> list[Any]:
    """The blocks of the English page `name`, as parameters; the Portuguese page has the same."""
    return [pytest.param(block, id=block.place) for block in blocks(EN[name], *kinds)]


# --- both languages ------------------------------------------------------------------------------------------------


def test_both_languages_have_the_same_pages() -> None:
    assert EN.keys() == PT.keys()


@pytest.mark.parametrize("name", sorted(EN.keys() & PT.keys()))
def test_both_languages_have_the_same_code(name: str) -> None:
    english, portuguese = (
        [(block.kind, block.without_comments) for block in blocks(pages[name]) if block.kind] for pages in (EN, PT)
    )
    assert english == portuguese


@pytest.mark.parametrize("name", sorted(EN.keys() & PT.keys()))
def test_both_languages_have_the_same_headings(name: str) -> None:
    english, portuguese = (re.findall(r"^#+(?= )", prose(pages[name]), re.MULTILINE) for pages in (EN, PT))
    assert english == portuguese


# --- links ---------------------------------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(page: Path) -> Iterator[tuple[str, str]]:
    """The file and the anchor of each link that stays in the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"\w+:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


@pytest.mark.parametrize("page", FILES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page}: {path}"
        if anchor:
            assert anchor in {slug(heading) for heading in re.findall(r"^#+ (.+)$", prose(target), re.MULTILINE)}


def test_the_index_leads_to_every_page() -> None:
    for pages, language in ((EN, "en"), (PT, "pt")):
        named = {path for path, _ in links(pages["index.md"])}
        assert pages.keys() - {"index.md"} <= named, language


# --- code, configs, commands, rows ---------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that the pages name, and a tiny model for afinar-mini."""
    (tmp_path / "tiny").mkdir()
    tiny_model().save_pretrained(tmp_path / "tiny")
    tiny_tokenizer().save_pretrained(tmp_path / "tiny")
    monkeypatch.setattr(embedded, "path", lambda: tmp_path / "tiny")
    rows = [{"prompt": f"Quanto é {n} mais {n}?", "completion": f"São {2 * n}."} for n in range(10)]
    for name, part in (("train", rows[:7]), ("valid", rows[7:])):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in part]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "config.yaml").write_text("data: {train: train.jsonl, valid: valid.jsonl}\nmethod: lora\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_page_runs_and_the_run_folder_is_as_documented(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in blocks(EN["python.md"], "python"):
        exec(compile("\n" * block.line + block.text, str(block.page), "exec"), names)
    assert "lost.jsonl" in capsys.readouterr().out
    assert (project / "merged" / "config.json").is_file()
    assert (project / "adapter" / "adapter_model.safetensors").is_file()
    runs = list((project / "runs").iterdir())
    assert len(runs) == 3
    for run in runs:
        metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        assert metrics[-1]["step"] == 2
    texts = [pages["run-folder.md"].read_text(encoding="utf-8") for pages in (EN, PT)]
    adapter = {path.name for run in runs for path in (run / "adapter").iterdir()}
    for path in (path for run in runs for path in [*run.iterdir(), *run.glob("checkpoint-2/*")]):
        name = "checkpoint-N" if path.name.startswith("checkpoint-") else path.name
        assert path.name in adapter or all(f"`{name}" in text for text in texts), path
    results = json.loads((runs[0] / "results.json").read_text(encoding="utf-8"))
    for key in [*results, *results["training"]]:
        assert all(f"`{key}`" in text for text in texts), key


@pytest.mark.parametrize("block", of("trainer.md", "python") + of("distributed.md", "python"))
def test_each_example_of_the_trainer_runs_by_itself(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})


def test_the_evaluation_page_runs_and_names_what_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in blocks(EN["evaluation.md"], "python"):
        exec(compile("\n" * block.line + block.text, str(block.page), "exec"), names)
    assert "perplexity|level:token|scope:row|" in capsys.readouterr().out
    for pages, language in ((EN, "en"), (PT, "pt")):
        text = pages["evaluation.md"].read_text(encoding="utf-8")
        messages.use(language)  # type: ignore[arg-type]
        for code in get_args(Finding):
            assert f"| {finding({'finding': code, 'n': 60, 'p': 0.003})} |".partition("0.0")[0].partition("0,0")[0] in text
        assert all(f"`{name}`" in text for name in names["told"] if name not in ("base", "n", "signatures"))
    messages.use(None)


def test_the_code_of_contributing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(ROOT / "CONTRIBUTING.md", "python"):
        exec(compile("\n" * block.line + block.text, str(block.page), "exec"), {})
    assert "train.jsonl has no rows." in capsys.readouterr().out


@pytest.mark.parametrize("block", [*of("configuration.md", "yaml"), *of("data.md", "yaml")])
def test_configs_load(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(block.text, encoding="utf-8")
    loaded = config.load(file, environ={})
    if loaded != RunConfig():  # the list of the defaults names no data
        config.validate(loaded)
    assert config.from_mapping(config.to_mapping(loaded)) == loaded


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.name)
def test_recipes_load(path: Path) -> None:
    assert config.validate(config.load(path, flags=["--data.valid", "valid.jsonl", "--data.train", "x.jsonl"], environ={}))


@pytest.mark.parametrize("block", [block for page in FILES for block in blocks(page, "sh")], ids=lambda block: block.place)
def test_commands_are_understood(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):
            words.pop(0)
        if not words or words[0] != "afinar":
            continue
        _, rest = parsing.take_globals(words[1:])
        command, rest = commands.find(rest)
        call = parsing.bind(command, rest)
        config.load(flags=call.settings, environ={})


@pytest.mark.parametrize("block", of("data.md", "jsonl"))
def test_rows_are_read_as_documented(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(block.text, encoding="utf-8")
    examples = prepare_source(str(file), tiny_tokenizer())
    assert f"`{examples.format}`" == block.heading
    assert len(examples) == 1


def test_the_greeting_is_seen_as_documented(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(ModelConfig(name=embedded.NAME))
    (shown,) = blocks(EN["data.md"], "text")
    for block in blocks(EN["data.md"], "jsonl"):
        if block.heading in ("`messages`", "`conversations`"):
            file = tmp_path / "row.jsonl"
            file.write_text(block.text, encoding="utf-8")
            (example,) = prepare_source(str(file), tokenizer).examples
            assert preview(example, tokenizer) == shown.text.strip()


# --- what the tables say -------------------------------------------------------------------------------------------


def test_every_format_and_every_kind_of_file_is_documented() -> None:
    assert {block.heading.strip("`") for block in blocks(EN["data.md"], "jsonl")} == COLUMNS.keys()
    for pages in (EN, PT):
        text = prose(pages["data.md"])
        assert all(f"`{suffix}`" in text for suffix in READERS)


def test_the_list_of_defaults_is_the_code_s(tmp_path: Path) -> None:
    file = tmp_path / "defaults.yaml"
    file.write_text(blocks(EN["configuration.md"], "yaml")[0].text, encoding="utf-8")
    listed = {key for line in blocks(EN["configuration.md"], "yaml")[0].text.splitlines() for key in line.split(":")[:1]}
    defaults = to_mapping(RunConfig())
    assert config.load(file, environ={}) == RunConfig()
    assert listed == {*defaults} | {
        f"  {key}" for section in defaults.values() if isinstance(section, dict) for key in section
    }


@both
def test_every_auto_is_explained(language: messages.Language) -> None:
    page = (EN if language == "en" else PT)["configuration.md"]
    settings = to_mapping(RunConfig())
    autos = {
        f"{section}.{key}"
        for section, values in settings.items()
        if isinstance(values, dict)
        for key, value in values.items()
        if value == "auto"
    }
    explained = {row[0].strip("`"): row[1] for row in table(page, "setting" if language == "en" else "opção")}
    assert explained.keys() == autos
    rates = re.findall(r"(\de-\d) (?:for|para) `(\w+)`", explained["training.learning_rate"])
    assert {name: float(rate) for rate, name in rates} == LEARNING_RATES
    assert f"{automatic_rate('lora', 256):.1e}".replace("e-0", "e-") in prose(page).replace(",", ".")


@both
def test_the_errors_are_those_that_are_raised(language: messages.Language) -> None:
    text = prose((EN if language == "en" else PT)["python.md"])
    named = set(re.findall(r"`(?:afinar\.)?(\w+Error)`", text))
    assert named == {name for name in afinar.__all__ if name.endswith("Error")}


@both
def test_what_a_resumed_run_may_change_is_the_code_s(language: messages.Language) -> None:
    text = " ".join(prose((EN if language == "en" else PT)["run-folder.md"]).split())
    sentence = re.search(r"(?:, except|, exceto) (.+?);", text)
    assert sentence
    assert set(re.findall(r"`([^`]+)`", sentence[1])) == set(FREE)


@both
def test_the_exit_codes_are_the_code_s(language: messages.Language) -> None:
    rows = table((EN if language == "en" else PT)["run-folder.md"], "code" if language == "en" else "código")
    assert tuple(int(row[0]) for row in rows) == reference.EXIT_CODES


@both
def test_the_layers_are_those_that_are_enforced(language: messages.Language) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    enforced = next(c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")["layers"]
    rows = table((EN if language == "en" else PT)["architecture.md"], "layer" if language == "en" else "camada")
    assert [re.findall(r"`(\w+)`", row[0]) for row in rows] == [re.findall(r"afinar\.(\w+)", layer) for layer in enforced]

"""`afinar init DIR [--template NAME]`: a project that runs, made of a commented config, a little data and a README."""

from __future__ import annotations

import textwrap
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from afinar import messages
from afinar.cli.context import Context
from afinar.config import fields_of, section_class
from afinar.errors import ConfigError, RefusedError

Settings = dict[str, dict[str, Any]]

_DATA: dict[str, Any] = {"train": "data/train.jsonl", "valid": "data/valid.jsonl"}
TEMPLATES: dict[str, Settings] = {
    "classification": {
        "model": {"name": "afinar-mini", "task": "classification"},
        "data": {**_DATA, "max_length": 128},
        "method": {"name": "lora", "r": 8},
        "training": {"epochs": 20.0, "batch_size": 8, "seed": 0},
    },
    "instructions": {
        "model": {"name": "afinar-mini", "task": "causal"},
        "data": {**_DATA, "max_length": 256},
        "method": {"name": "lora", "r": 8},
        "training": {"epochs": 20.0, "batch_size": 8, "seed": 0},
        "evaluation": {"generate": True, "max_new_tokens": 48},
    },
    "text": {
        "model": {"name": "afinar-mini", "task": "causal"},
        "data": {**_DATA, "max_length": 256},
        "method": {"name": "lora", "r": 8},
        "training": {"epochs": 10.0, "batch_size": 4, "seed": 0},
    },
}


class File(NamedTuple):
    """A file of the project, by its path in it."""

    path: str
    text: str


def init(directory: str, /, *, template: str = "classification", context: Context) -> dict[str, Any]:
    """Make the project. Returns `{"directory", "files"}`. Raises RefusedError where a file of it is there already."""
    if template not in TEMPLATES:
        raise ConfigError("core.choice", field="--template", got=template, allowed=", ".join(TEMPLATES))
    folder = Path(directory)
    made = project(template)
    for file in made:
        if (folder / file.path).exists():
            raise RefusedError("init.exists", path=str(folder / file.path))
    for file in made:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / file.path).open("x", encoding="utf-8") as stream:
            stream.write(file.text)
    context.say(messages.text("init.made", directory=directory, files=", ".join(file.path for file in made)))
    context.say(messages.text("cli.next"))
    context.say(f"  cd {directory}")
    context.say("  afinar train config.yaml")
    return {"directory": directory, "files": [file.path for file in made]}


def project(template: str) -> list[File]:
    """The files of a template's project, comments and README in the language in force."""
    data = files("afinar.cli") / "templates" / template
    rows = [File(f"data/{name}", (data / name).read_text("utf-8")) for name in ("train.jsonl", "valid.jsonl")]
    readme = messages.text(
        "init.readme", what=messages.text(f"init.{template}"), columns=messages.text(f"init.columns_{template}")
    )
    return [File("config.yaml", commented(TEMPLATES[template])), *rows, File("README.md", readme)]


def commented(settings: Settings) -> str:
    """The settings as YAML, each below what it means."""
    blocks = [messages.text("init.config_head")]
    for section, values in settings.items():
        documented = fields_of(section_class(section, str(values.get("name"))), section)
        meaning = {field.path.partition(".")[2]: field.text for field in documented}
        if section == "method":
            meaning["name"] = messages.text("init.method_name")
        lines = [f"{section}:"]
        for name, value in values.items():
            lines += [f"  # {line}" for line in textwrap.wrap(meaning[name], 100)]
            lines.append(f"  {name}: {_scalar(value)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _scalar(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)

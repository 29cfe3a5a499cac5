"""The command line as a whole: start-up, help, languages, mistakes, exit codes, the JSON line."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afinar import messages
from afinar.cli.commands import COMMANDS, Command
from afinar.cli.failures import from_system, print_json
from afinar.errors import NonFiniteLossError, RefusedError, ResourceError

from .conftest import Answer, Pipeline

Call = Callable[..., Answer]


def command(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    """Put a command `probe` in the table, which does `work`."""

    def probe(*, context: Any) -> dict[str, Any]:
        work()
        return {}

    monkeypatch.setattr(sys.modules[__name__], "_probe", probe, raising=False)
    monkeypatch.setitem(COMMANDS, "probe", Command("probe", f"{__name__}:_probe"))


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


class TestStartUp:
    @pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"], ["init", "--help"], ["trian"]])
    def test_torch_is_not_imported(self, words: list[str]) -> None:
        code = (
            f"import sys; from afinar.cli.main import main; main({words!r}); "
            "print([m for m in ('torch', 'transformers', 'datasets', 'numpy') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"

    def test_config_errors_come_before_torch(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text("training: {sed: 1}")
        code = (
            f"import sys; from afinar.cli.main import main; code = main(['train', {str(tmp_path / 'a.yaml')!r}]); "
            "print(code, 'torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "2 False"


class TestHelp:
    def test_overview_names_every_command(self, call: Call) -> None:
        answer = call("--help")
        assert answer.code == 0
        assert all(f"  {name} " in answer.out for name in COMMANDS)
        assert call().out == answer.out
        assert call("-h").out == answer.out

    @pytest.mark.parametrize("name", sorted(COMMANDS))
    @pytest.mark.parametrize("language", messages.LANGUAGES)
    def test_every_command_in_both_languages(self, call: Call, name: str, language: str) -> None:
        answer = call(*name.split(), "--help", "--lang", language)
        assert answer.code == 0
        assert f"afinar {name}" in answer.out.splitlines()[0]
        assert ("Uso:" in answer.out) == (language == "pt")
        assert "--offline" in answer.out

    def test_train_lists_every_field_with_its_default(self, call: Call) -> None:
        answer = call("train", "--help")
        for flag in (
            "--data.train",
            "--training.learning_rate",
            "--method.target_modules",
            "--evaluation.generate",
            "--output",
        ):
            assert f"  {flag} " in answer.out
        assert "[default: 16]" in answer.out
        assert "Semente" in call("train", "--help", "--lang=pt").out

    def test_defaults_of_zero_are_told(self, call: Call) -> None:
        lines = {line.split()[0]: line for line in call("generate", "--help").out.splitlines() if line.startswith("  --")}
        assert lines["--seed"].endswith("[default: 0]")
        assert lines["--temperature"].endswith("[default: 0.0]")
        assert "default" not in lines["--json"]

    def test_version(self, call: Call) -> None:
        assert call("--version").out == "0.1.0\n"
        assert call("--version", "--json").json == {"version": "0.1.0"}

    def test_no_trailing_spaces_in_a_pipe(self, call: Call) -> None:
        assert [line for line in call("train", "--help").out.splitlines() if line != line.rstrip()] == []


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "key", "said"),
        [
            (["trian"], "cli.unknown_command_near", "afinar train"),
            (["config", "shwo"], "cli.unknown_command_near", "afinar config show"),
            (["evaluate", "m", "--dta", "x"], "cli.unknown_option_near", "--data"),
            (["train", "--seed", "1"], "cli.unknown_option_near", "--training.seed"),
            (["train", "--training.sed", "1"], "config.unknown_near", "--training.seed"),
            (["train", "--learning-rate", "1"], "cli.unknown_option_near", "--training.learning_rate"),
            (["train", "--resum"], "cli.unknown_option_near", "--resume"),
            (["evaluate", "m", "--data", "x", "--jsn"], "cli.unknown_option_near", "--json"),
            (["explain", "lorra"], "cli.unknown_technique_near", "lora"),
        ],
    )
    def test_did_you_mean(self, call: Call, words: list[str], key: str, said: str) -> None:
        answer = call(*words)
        assert answer.code == 2
        assert answer.says(key) or key.startswith("config.")
        assert "Did you mean" in answer.err
        assert said in answer.err
        assert answer.out == ""

    @pytest.mark.parametrize(
        ("words", "key", "said"),
        [
            (["xyzzy"], "cli.unknown_command", "There are: quickstart"),
            (["evaluate", "m", "--data", "x", "--xyzzy"], "cli.unknown_option", "--xyzzy"),
            (["evaluate", "m", "--data", "x", "-x"], "cli.unknown_option", "-x"),
            (["evaluate", "m", "--data", "x", "--context", "x"], "cli.unknown_option", "--context"),
            (["evaluate", "m", "--data", "x", "--training.seed", "1"], "cli.unknown_option", "--training.seed"),
            (["evaluate", "m"], "evaluating.nothing", "--tasks NAMES"),
            (["evaluate", "m", "--data"], "cli.missing_option", "--data"),
            (["evaluate", "--data", "x"], "cli.missing_argument", "RUN|MODEL"),
            (["evaluate", "m", "--data", "x", "--data", "y"], "cli.repeated", "--data"),
            (["evaluate", "m", "n", "--data", "x"], "cli.unexpected", "use for: n"),
            (["generate", "m", "p", "--seed", "one"], "cli.bad_value", "--seed='one'; expected int"),
            (["config", "show", "--origin=maybe"], "cli.bad_value", "--origin='maybe'; expected bool"),
            (["doctor", "--lang", "xx"], "core.choice", "expected one of: en, pt"),
            (["doctor", "--lang"], "core.choice", "expected one of: en, pt"),
            (["explain", "xyzzy"], "cli.unknown_technique", "There are: "),
            (["init", "x", "--template", "none"], "core.choice", "expected one of: classification, instructions, text"),
        ],
    )
    def test_said_plainly(self, call: Call, words: list[str], key: str, said: str) -> None:
        answer = call(*words)
        assert answer.code == 2
        assert answer.says(key)
        assert said in answer.err
        assert "Traceback" not in answer.err

    def test_whatever_else_the_parser_says(self) -> None:
        import cyclopts

        from afinar.cli.parsing import _explained

        error = _explained(cyclopts.CycloptsError(msg="odd words"), COMMANDS["doctor"], [], [])
        assert (error.key, error.values["problem"]) == ("cli.usage", "odd words")

    def test_in_portuguese(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "Você quis dizer: afinar train" in call("--lang", "pt", "trian").err
        monkeypatch.setenv("AFINAR_LANG", "pt")
        assert "precisa de EXECUÇÃO|MODELO" in call("evaluate", "--data", "x").err
        assert "needs RUN|MODEL" in call("evaluate", "--data", "x", "--lang", "en").err

    def test_as_json(self, call: Call) -> None:
        answer = call("--json", "trian")
        assert answer.json == {
            "error": {"kind": "config", "message": "There is no command 'trian'.", "hint": "Did you mean: afinar train"}
        }
        assert answer.err == ""


class TestExitCodes:
    @pytest.mark.parametrize(
        ("error", "code", "kind", "key"),
        [
            (RefusedError("core.missing", field="x"), 2, "refused", "core.missing"),
            (ResourceError("core.missing", field="x"), 6, "resources", "core.missing"),
            (NonFiniteLossError("core.missing", field="x"), 7, "non_finite_loss", "core.missing"),
            (KeyboardInterrupt(), 130, "interrupted", "cli.interrupted"),
            (RuntimeError("boom"), 1, "crash", "cli.crash"),
            (MemoryError(), 6, "resources", "cli.no_memory"),
            (OSError(errno.ENOSPC, "No space left on device", "/full"), 6, "resources", "cli.no_space"),
            (PermissionError(errno.EACCES, "Permission denied", "/locked"), 2, "refused", "cli.system"),
            (FileNotFoundError(errno.ENOENT, "No such file or directory", "/no"), 2, "refused", "cli.system"),
            (OSError(errno.EROFS, "Read-only file system", "/cd"), 2, "refused", "cli.system"),
        ],
    )
    def test_by_error(
        self, call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, kind: str, key: str
    ) -> None:
        command(monkeypatch, raising(error))
        answer = call("probe")
        assert answer.code == code
        assert answer.says(key)
        assert "Traceback" not in answer.err
        as_json = call("probe", "--json")
        assert (as_json.code, as_json.json["error"]["kind"]) == (code, kind)
        assert as_json.json["error"]["message"]

    @pytest.mark.parametrize("error", [RuntimeError("boom"), RefusedError("core.missing", field="x")])
    def test_traceback_on_request(self, call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        command(monkeypatch, raising(error))
        monkeypatch.setenv("AFINAR_DEBUG", "1")
        assert "Traceback" in call("probe").err

    def test_device_out_of_memory(self) -> None:
        import torch

        found = from_system(torch.OutOfMemoryError("CUDA out of memory.\nlong advice"))
        assert found is not None
        assert (found.key, found.values["problem"]) == ("cli.no_memory", "CUDA out of memory.")

    def test_other_errors_are_crashes(self) -> None:
        assert from_system(OSError(errno.EIO, "Input/output error", "/x")) is None
        assert from_system(ValueError("x")) is None

    def test_terminated(self) -> None:
        code = (
            "import sys, time, afinar.cli.doctor as d\n"
            "def wait(*, context):\n    print('ready', flush=True)\n    time.sleep(60)\n"
            "d.doctor = wait\n"
            "from afinar.cli.main import main\nsys.exit(main(['doctor', '--json']))\n"
        )
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 143
        assert json.loads(out.splitlines()[-1])["error"]["kind"] == "terminated"

    def test_the_handler_of_sigterm_is_put_back(self, call: Call) -> None:
        before = signal.getsignal(signal.SIGTERM)
        call("--version")
        assert signal.getsignal(signal.SIGTERM) is before

    def test_reader_that_went_away(self) -> None:
        code = "import sys; from afinar.cli.main import run; sys.argv = ['afinar', 'train', '--help']; run()"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
        process.wait(timeout=30)
        assert process.returncode == 141
        assert "Traceback" not in error


class TestJson:
    def test_what_json_lacks(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": Path("x"), "d": {"e": (1, None)}, "f": "ção"})
        line = capsys.readouterr().out
        assert json.loads(line) == {"a": None, "b": [None, 1.5], "c": "x", "d": {"e": [1, None]}, "f": "ção"}
        assert line.count("\n") == 1

    def test_offline_reaches_the_libraries(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        assert call("evaluate", "m", "--data", "x", "--offline").code == 0
        assert os.environ["HF_HUB_OFFLINE"] == "1"
        assert [(call[0], call[1], call[-1]["offline"]) for call in pipeline.calls] == [("evaluate", "m", True)]


def test_help_is_quick() -> None:
    """What costs time is imports: the parser and YAML stay out of help (no timed test, which would fail by chance)."""
    code = (
        "import sys; from afinar.cli.main import main; main(['--help']); "
        "print([m for m in ('cyclopts', 'ruamel.yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

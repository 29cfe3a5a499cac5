"""The figures in the pages of `afinar explain`, as benchmarks/results/ has them; a test compares the two."""

from __future__ import annotations

from collections.abc import Sequence

from afinar.messages.pages.figures import BASES, METHODS, TECHNIQUES

HELD_OUT = {"resenhas": 200, "noticias": 60}


UNTRAINED = (0.5, 84.838)
"""Accuracy and perplexity of the base; two classes of like size, a head drawn at random."""

_HEADS = {
    "en": ("technique", "trained weights", "memory", "accuracy", "perplexity"),
    "pt": ("técnica", "pesos treinados", "memória", "acurácia", "perplexidade"),
}
_BASE_HEADS = {
    "en": ("base", "weights", "bits per byte", "speed of reading", "speed of training"),
    "pt": ("base", "pesos", "bits por byte", "velocidade de leitura", "velocidade de treino"),
}
_METHOD_HEADS = {
    "en": ("method", "bits per byte", "seconds", "peak memory of the process"),
    "pt": ("método", "bits por byte", "segundos", "pico de memória do processo"),
}
_NOT_YET = {
    "en": "`python -m benchmarks.cpu.quantisation` measures it.",
    "pt": "`python -m benchmarks.cpu.quantisation` mede isso.",
}
_UNTRAINED = {"en": "(untrained)", "pt": "(sem treino)"}


def techniques(language: str) -> str:
    """The techniques as a table in Markdown, the best at news first."""
    rows = [
        (name, _number(trained, 0, language), _bytes(extra, language), *_quality(accuracy, perplexity, language))
        for name, (trained, extra, accuracy, perplexity) in TECHNIQUES.items()
    ]
    rows.sort(key=lambda row: TECHNIQUES[row[0]][3] or float("inf"))
    return _table(_HEADS[language], [(_UNTRAINED[language], "", "", *_quality(*UNTRAINED, language)), *rows])


def bases(language: str) -> str:
    """The bases of the QLoRA measurement as a table in Markdown."""
    rows = [
        (
            name,
            _bytes(size, language),
            _number(bits, 4, language),
            "–" if reading is None else _number(reading, 2, language),
            "–" if training is None else _number(training, 2, language),
        )
        for name, (size, bits, reading, training) in BASES.items()
    ]
    return _table(_BASE_HEADS[language], rows) if rows else _NOT_YET[language]


def quantised_methods(language: str) -> str:
    """The methods of the QLoRA measurement as a table in Markdown."""
    rows = [
        (name, _number(bits, 4, language), _number(seconds, 0, language), _bytes(peak, language))
        for name, (bits, seconds, peak) in METHODS.items()
    ]
    return _table(_METHOD_HEADS[language], rows) if rows else _NOT_YET[language]


def _quality(accuracy: float | None, perplexity: float | None, language: str) -> tuple[str, str]:
    return (
        "" if accuracy is None else _number(accuracy, 3, language),
        "" if perplexity is None else _number(perplexity, 2, language),
    )


def _bytes(count: float, language: str) -> str:
    size, unit = (1e6, "MB") if count >= 1e6 else (1e3, "kB")
    return f"{_number(count / size, 1, language)} {unit}"


def _number(value: float, digits: int, language: str) -> str:
    plain = f"{value:,.{digits}f}"
    return plain.translate(str.maketrans(",.", ".,")) if language == "pt" else plain


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

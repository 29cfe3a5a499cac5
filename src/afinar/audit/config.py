"""What a run says of its audit (the `audit:` section)."""

from __future__ import annotations

from dataclasses import dataclass

from afinar.errors import ConfigError
from afinar.options import option


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """Which behaviour tests are put to the base and to the adapted model at the end of a run."""

    suite: str | None = option(
        None,
        en="Suites of behaviour tests, put to the base and the adapted model after training: a bundled name "
        "(afinar/sentimento), a file, a folder of files, or several with commas between.",
        pt="Suítes de testes de comportamento, aplicadas à base e ao modelo adaptado depois do treino: um nome embutido "
        "(afinar/sentimento), um arquivo, uma pasta de arquivos, ou vários separados por vírgulas.",
    )
    strict: bool = option(
        False,
        en="Leave out cases whose texts the training data have; end with exit code 4 where a gate is inconclusive or a case "
        "ends in an error.",
        pt="Deixar de fora os casos cujos textos estão nos dados de treino; terminar com o código 4 quando um limite for "
        "inconclusivo ou um caso terminar em erro.",
    )

    def __post_init__(self) -> None:
        if self.suite is not None and not self.suite.strip():
            raise ConfigError("core.missing", field="audit.suite")

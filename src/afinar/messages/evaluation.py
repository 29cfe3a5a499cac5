"""Texts about evaluation and metrics."""

from afinar.messages import Text

TEXTS = {
    "no_tokens": Text(
        en="There is no supervised token to evaluate.",
        pt="Não há nenhum token supervisionado para avaliar.",
        hint_en="Check that the rows have an answer (completion, assistant turn or text) within max_length.",
        hint_pt="Confira se as linhas têm resposta (completion, turno do assistente ou texto) dentro de max_length.",
    ),
}

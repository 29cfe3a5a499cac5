"""Texts of the adaptation methods."""

from afinar.messages import Text

TEXTS = {
    "rank": Text(
        en="method.r={got}; expected an integer >= 1.",
        pt="method.r={got}; esperado um inteiro >= 1.",
        hint_en="Use method.name: full to train all weights.",
        hint_pt="Use method.name: full para treinar todos os pesos.",
    ),
}

"""Texts of the prompt methods: prompt tuning, P-tuning."""

from afinar.messages import Text

TEXTS = {
    "no_decoder": Text(
        en="{got} is no decoder of transformers, and a prompt can be put before nothing else.",
        pt="{got} não é um decodificador do transformers, e só a um deles se pode antepor um prompt.",
        hint_en="Use a causal or sequence-classification model that transformers' Auto classes load.",
        hint_pt="Use um modelo causal ou de classificação de sequências que as classes Auto do transformers carreguem.",
    ),
}

"""Texts that several stages share."""

from afinar.messages import Text

TEXTS = {
    "choice": Text(
        en="{field}={got!r}; expected one of: {allowed}.",
        pt="{field}={got!r}; esperado um destes: {allowed}.",
    ),
    "range": Text(
        en="{field}={got}; expected {allowed}.",
        pt="{field}={got}; esperado {allowed}.",
    ),
    "missing": Text(
        en="{field} is missing.",
        pt="Falta {field}.",
        hint_en="Set it in the config file or with --{field} VALUE.",
        hint_pt="Defina-o no arquivo de configuração ou com --{field} VALOR.",
    ),
}

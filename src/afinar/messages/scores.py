"""Texts of measured scores: what a comparison found, tables of scores, classes, calibration, and what was left out."""

from afinar.messages import Text

_FINDINGS = {
    "found_better": Text(en="better, {p}", pt="melhor, {p}"),
    "found_worse": Text(en="worse, {p}", pt="pior, {p}"),
    "found_no_difference": Text(en="no difference found at n = {n}", pt="nenhuma diferença encontrada com n = {n}"),
    "found_too_few": Text(en="too few changes to tell", pt="poucas mudanças para concluir"),
    "p": Text(en="p = {value}", pt="p = {value}"),
    "p_below": Text(en="p < {value}", pt="p < {value}"),
    "from_to": Text(en="{low} to {high}", pt="{low} a {high}"),
    "flips": Text(
        en="{metric}: {fixed} rows fixed, {broke} broken", pt="{metric}: {fixed} linhas corrigidas, {broke} estragadas"
    ),
}

_TABLES = {
    "metric": Text(en="metric", pt="métrica"),
    "value": Text(en="value", pt="valor"),
    "base": Text(en="before (base)", pt="antes (base)"),
    "adapted": Text(en="after (adapted)", pt="depois (adaptado)"),
    "baseline": Text(en="baseline", pt="referência"),
    "model": Text(en="model", pt="modelo"),
    "difference": Text(en="difference", pt="diferença"),
    "finding": Text(en="finding", pt="resultado"),
    "intervals": Text(en="in brackets, 95% intervals", pt="entre parênteses, intervalos de 95%"),
    "paired": Text(
        en="paired tests on the same rows, each metric by itself", pt="testes pareados nas mesmas linhas, cada métrica por si"
    ),
    "on_rows": Text(en="on {n} rows of {data}", pt="em {n} linhas de {data}"),
    "on_held_out": Text(en="on {n} held-out rows", pt="em {n} linhas de validação"),
    "seed": Text(en="seed {seed}", pt="semente {seed}"),
}

TEXTS = {**_FINDINGS, **_TABLES}

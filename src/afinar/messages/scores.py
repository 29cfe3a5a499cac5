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
        en="{metric}: rows fixed {fixed}, broken {broke}", pt="{metric}: linhas corrigidas {fixed}, estragadas {broke}"
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

_CLASSES = {
    "confusion": Text(
        en="Confusion: rows by their label, columns by the prediction",
        pt="Confusão: linhas pelo rótulo, colunas pela previsão",
    ),
    "confusion_label": Text(en="label", pt="rótulo"),
    "confusion_prediction": Text(en="taken for", pt="tomado por"),
    "rows": Text(en="rows", pt="linhas"),
    "class": Text(en="class", pt="classe"),
    "abstain_asked": Text(en="right, asked", pt="acerto pedido"),
    "abstain_threshold": Text(en="answer where p", pt="responder se p"),
    "abstain_kept": Text(en="rows answered", pt="linhas respondidas"),
    "abstain_right": Text(en="right among them", pt="acerto nelas"),
    "abstain_proven": Text(en="with evidence", pt="com evidência"),
}

_MEASURED = {
    "which_baseline": Text(en="baseline: {name}", pt="referência: {name}"),
    "which_model": Text(en="model: {name}", pt="modelo: {name}"),
    "task": Text(en="Task {name}, {n} samples", pt="Tarefa {name}, {n} amostras"),
    "predictions": Text(en="Rows one by one: {path}", pt="Linha por linha: {path}"),
    "rows_truncated": Text(
        en="Rows cut at {length} tokens: {rows}; --max-length raises the limit.",
        pt="Linhas cortadas em {length} tokens: {rows}; --max-length aumenta o limite.",
    ),
    "rows_dropped": Text(
        en="Rows left out, whose prompt alone fills the {length} tokens: {rows}; --max-length raises the limit.",
        pt="Linhas deixadas de fora, cujo prompt sozinho já ocupa os {length} tokens: {rows}; --max-length aumenta o limite.",
    ),
    "rows_not_shared": Text(
        en="Rows left out, of which the two tokenizers leave different texts within {length} tokens: {rows}; --max-length "
        "raises the limit.",
        pt="Linhas deixadas de fora, das quais os dois tokenizadores deixam textos diferentes em {length} tokens: {rows}; "
        "--max-length aumenta o limite.",
    ),
    "rows_answers_cut": Text(
        en="Answers cut off by the limit of new tokens: {rows}; --max-new-tokens raises it.",
        pt="Respostas cortadas pelo limite de tokens novos: {rows}; --max-new-tokens o aumenta.",
    ),
    "other_tokens": Text(
        en="Different tokenizers: a token is not the same piece of text for both, so only bits per byte is compared.",
        pt="Tokenizadores diferentes: um token não é o mesmo pedaço de texto para ambos; só bits por byte se compara.",
    ),
}

TEXTS = {**_FINDINGS, **_TABLES, **_CLASSES, **_MEASURED}

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
    "metric_loss": Text(en="loss", pt="perda"),
    "metric_perplexity": Text(en="perplexity", pt="perplexidade"),
    "metric_bits_per_byte": Text(en="bits per byte", pt="bits por byte"),
    "metric_token_accuracy": Text(en="token accuracy", pt="acurácia de tokens"),
    "metric_accuracy": Text(en="accuracy", pt="acurácia"),
    "metric_precision": Text(en="precision", pt="precisão"),
    "metric_recall": Text(en="recall", pt="revocação"),
    "metric_f1": Text(en="F1 (weighted)", pt="F1 (ponderado)"),
    "metric_f1_macro": Text(en="F1 (macro)", pt="F1 (macro)"),
    "metric_learning_rate": Text(en="learning rate", pt="taxa de aprendizado"),
    "metric_grad_norm": Text(en="gradient norm", pt="norma do gradiente"),
    "metric_epoch": Text(en="epoch", pt="época"),
    "metric_bleu": Text(en="BLEU", pt="BLEU"),
    "metric_chrf": Text(en="chrF", pt="chrF"),
    "metric_rouge1": Text(en="ROUGE-1", pt="ROUGE-1"),
    "metric_rouge2": Text(en="ROUGE-2", pt="ROUGE-2"),
    "metric_rougeL": Text(en="ROUGE-L", pt="ROUGE-L"),
    "metric_exact_match": Text(en="exact match", pt="acerto exato"),
    "progress_loss": Text(en="loss {value}", pt="perda {value}"),
    "progress_speed": Text(en="{value} tokens/s", pt="{value} tokens/s"),
    "progress_memory": Text(en="{value} GB", pt="{value} GB"),
    "progress_left": Text(en="{value} left", pt="faltam {value}"),
}

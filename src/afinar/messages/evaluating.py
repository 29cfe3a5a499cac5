"""Texts of `afinar evaluate`: what cannot be measured or compared, and what was left out."""

from afinar.messages import Text

_REFUSALS = {
    "nothing": Text(
        en="There is nothing to measure: neither data nor tasks are named.",
        pt="Não há o que medir: nem dados nem tarefas foram indicados.",
        hint_en="Name rows with --data FILE, or tasks of lm-evaluation-harness with --tasks NAMES.",
        hint_pt="Indique linhas com --data ARQUIVO ou tarefas do lm-evaluation-harness com --tasks NOMES.",
    ),
    "needs_data": Text(
        en="{option} is about rows of data, and none are named.",
        pt="{option} diz respeito a linhas de dados, e nenhuma foi indicada.",
        hint_en="Name them with --data FILE.",
        hint_pt="Indique-as com --data ARQUIVO.",
    ),
    "no_prompts": Text(
        en="Answers need rows with a prompt; those of {data} are of the format {format}.",
        pt="Respostas precisam de linhas com um prompt; as de {data} são do formato {format}.",
        hint_en="Leave out --generate, or name data of prompts and completions, or of conversations.",
        hint_pt="Deixe de fora --generate ou indique dados de prompt e completion, ou de conversas.",
    ),
    "other_task": Text(
        en="{baseline} was made for {theirs}, {model} for {ours}: they have no metric in common.",
        pt="{baseline} foi feito para {theirs}, {model} para {ours}: não têm métrica em comum.",
        hint_en="Compare models of the same task.",
        hint_pt="Compare modelos da mesma tarefa.",
    ),
    "other_labels": Text(
        en="{baseline} tells apart {theirs}; {model} tells apart {ours}. Accuracy over different labels cannot be compared.",
        pt="{baseline} distingue {theirs}; {model} distingue {ours}. Acurácias sobre rótulos diferentes não se comparam.",
        hint_en="Compare classifiers that were trained on the same labels.",
        hint_pt="Compare classificadores treinados com os mesmos rótulos.",
    ),
    "no_common_rows": Text(
        en="{baseline} and {model} have no row in common: what one reads whole is cut off for the other.",
        pt="{baseline} e {model} não têm nenhuma linha em comum: o que um lê inteiro fica cortado para o outro.",
        hint_en="Raise --max-length, or shorten the rows.",
        hint_pt="Aumente --max-length ou encurte as linhas.",
    ),
    "positions": Text(
        en="--max-length={got}; {model} reads at most {positions} tokens.",
        pt="--max-length={got}; {model} lê no máximo {positions} tokens.",
        hint_en="Give {positions} or less, or leave it out.",
        hint_pt="Use {positions} ou menos, ou deixe-o de fora.",
    ),
    "predictions_over_data": Text(
        en="{path} holds the rows themselves; predictions would overwrite them.",
        pt="{path} contém as próprias linhas; as previsões as sobrescreveriam.",
        hint_en="Name another file.",
        hint_pt="Indique outro arquivo.",
    ),
    "predictions_folder": Text(
        en="{path} is a folder; predictions go to a file.",
        pt="{path} é uma pasta; as previsões vão para um arquivo.",
        hint_en="Name a file in it, such as {path}/predictions.jsonl.",
        hint_pt="Indique um arquivo nela, por exemplo {path}/predictions.jsonl.",
    ),
}

_STAGES = {
    "stage_load": Text(en="Loading {name}", pt="Carregando {name}"),
    "stage_beside": Text(
        en="Loading {name} beside it: full fine-tuning overwrote the base",
        pt="Carregando {name} ao lado: o ajuste fino completo sobrescreveu a base",
    ),
    "stage_measure": Text(en="Measuring {name} on {n} rows", pt="Medindo {name} em {n} linhas"),
    "stage_generate": Text(en="{name} answers {n} prompts", pt="{name} responde a {n} prompts"),
    "stage_tasks": Text(en="{name} on the tasks {tasks}", pt="{name} nas tarefas {tasks}"),
}

TEXTS = {**_REFUSALS, **_STAGES}

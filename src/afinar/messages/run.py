"""Texts of the pipeline: stages, refusals, the model card."""

from afinar.messages import Text

TEXTS = {
    "stage_data": Text(en="Data: {source}", pt="Dados: {source}"),
    "stage_model": Text(en="Model: {name} on {device}, {dtype}", pt="Modelo: {name} em {device}, {dtype}"),
    "stage_base": Text(en="Measuring the base on {n} held-out rows", pt="Medindo o modelo base em {n} linhas de validação"),
    "stage_train": Text(
        en="Training: {method}, {steps} steps, in {folder}", pt="Treinando: {method}, {steps} passos, em {folder}"
    ),
    "stage_adapted": Text(
        en="Measuring the adapted model on the same {n} rows", pt="Medindo o modelo adaptado nas mesmas {n} linhas"
    ),
    "stage_generate": Text(en="Generating {n} answers", pt="Gerando {n} respostas"),
    "resuming": Text(en="Resuming {folder} from {checkpoint}", pt="Retomando {folder} a partir de {checkpoint}"),
    "resuming_from_start": Text(
        en="{folder} has no whole checkpoint yet; training starts from its beginning.",
        pt="{folder} ainda não tem um checkpoint inteiro; o treino recomeça do início.",
    ),
    "nothing_to_resume": Text(
        en="No unfinished run under {output}; starting a new one.",
        pt="Nenhuma execução por terminar em {output}; começando uma nova.",
    ),
    "not_a_run": Text(
        en="{path} is not a run folder: it has no config.yaml.",
        pt="{path} não é uma pasta de execução: não tem config.yaml.",
        hint_en="Name a folder that afinar train made, such as runs/2026-11-22_1.",
        hint_pt="Indique uma pasta criada por afinar train, como runs/2026-11-22_1.",
    ),
    "finished": Text(
        en="The run {path} has finished.",
        pt="A execução {path} já terminou.",
        hint_en="Start a new run, with the changes you want, without --resume.",
        hint_pt="Comece uma nova execução, com as mudanças que quiser, sem --resume.",
    ),
    "unfinished": Text(
        en="The run {path} has not finished: it has neither adapter/ nor model/.",
        pt="A execução {path} não terminou: não tem adapter/ nem model/.",
        hint_en="Finish it with afinar train --resume {path}, or name one of its checkpoint folders.",
        hint_pt="Termine-a com afinar train --resume {path} ou indique uma de suas pastas checkpoint.",
    ),
    "positions": Text(
        en="The longest row has {got} tokens; this model reads at most {positions}.",
        pt="A maior linha tem {got} tokens; este modelo lê no máximo {positions}.",
        hint_en="Set data.max_length to {positions} or less.",
        hint_pt="Defina data.max_length como {positions} ou menos.",
    ),
    "positions_prompt": Text(
        en="The longest row has {got} tokens, and method.virtual_tokens takes {taken} of the {positions} positions that this "
        "model reads: {room} are left for a row.",
        pt="A maior linha tem {got} tokens, e method.virtual_tokens ocupa {taken} das {positions} posições que este modelo "
        "lê: sobram {room} para uma linha.",
        hint_en="Set data.max_length to {room} or less, or take fewer virtual tokens.",
        hint_pt="Defina data.max_length como {room} ou menos, ou use menos tokens virtuais.",
    ),
    "nothing_to_answer": Text(
        en="evaluation.generate needs rows with a prompt; these are of the format {format}.",
        pt="evaluation.generate precisa de linhas com um prompt; estas são do formato {format}.",
        hint_en="Set evaluation.generate to false, or train on conversations or prompt and completion.",
        hint_pt="Defina evaluation.generate como false ou treine com conversas ou prompt e completion.",
    ),
    "folder_in_use": Text(
        en="The run folder {path} is in use by another process.",
        pt="A pasta de execução {path} está em uso por outro processo.",
        hint_en="Wait for it to end, or stop it, before resuming.",
        hint_pt="Espere que ele termine, ou interrompa-o, antes de retomar.",
    ),
    "config_changed": Text(
        en="{folder} was started with {field}={expected}; now it is {got}, which would be another run.",
        pt="{folder} foi iniciada com {field}={expected}; agora é {got}, o que seria outra execução.",
        hint_en="Resume with the value it had, or start a new run without --resume.",
        hint_pt="Retome com o valor que tinha ou comece uma nova execução sem --resume.",
    ),
    "data_changed": Text(
        en="The data of {folder} have changed since it was started ({which}).",
        pt="Os dados de {folder} mudaram desde que ela foi iniciada ({which}).",
        hint_en="Put the old data back, or start a new run without --resume.",
        hint_pt="Restaure os dados antigos ou comece uma nova execução sem --resume.",
    ),
    "nothing_to_merge": Text(
        en="{got} has no adapter to merge.",
        pt="{got} não tem adaptador para fundir.",
        hint_en="Name a run that was trained with lora.",
        hint_pt="Indique uma execução treinada com lora.",
    ),
    "other_task": Text(
        en="This model was made for {got}; {expected} is needed here.",
        pt="Este modelo foi feito para {got}; aqui é preciso {expected}.",
    ),
    "card_columns": Text(en="| metric | base | adapted | finding |", pt="| métrica | base | adaptado | resultado |"),
    "card": Text(
        en="# {base}, adapted with {method}\n\n"
        "Task: {task}. Training data: `{data}`. Made with afinar.\n\n"
        "## Measured on {n} held-out rows (seed {seed})\n\n{table}\n\n"
        "In brackets, 95% intervals. Findings are paired tests on the same rows, each metric by itself.\n\n"
        "## Training\n\n{steps} optimizer steps, {tokens} tokens, {trainable} of {total} parameters trained.\n\n"
        '## Use\n\n```\nafinar generate {folder} "..."\nafinar evaluate {folder} --data FILE\n```\n\n'
        "Limits: it knows what its base and these data hold, and the figures say how it does on rows like the held-out ones, "
        "no more.\n\nVersions: {versions}\n",
        pt="# {base}, adaptado com {method}\n\n"
        "Tarefa: {task}. Dados de treino: `{data}`. Feito com afinar.\n\n"
        "## Medido em {n} linhas de validação (semente {seed})\n\n{table}\n\n"
        "Entre parênteses, intervalos de 95%. Os resultados são testes pareados nas mesmas linhas, cada métrica por si.\n\n"
        "## Treino\n\n{steps} passos do otimizador, {tokens} tokens, {trainable} de {total} parâmetros treinados.\n\n"
        '## Uso\n\n```\nafinar generate {folder} "..."\nafinar evaluate {folder} --data ARQUIVO\n```\n\n'
        "Limites: ele sabe o que seu modelo base e estes dados contêm, e os números dizem como ele se sai em linhas como as "
        "de validação, nada mais.\n\nVersões: {versions}\n",
    ),
    "nothing_to_compare": Text(
        en="{got} is a plain model: there is no base to compare it with.",
        pt="{got} é um modelo simples: não há base com que compará-lo.",
        hint_en="Give a run or an adapter folder.",
        hint_pt="Indique uma execução ou a pasta de um adaptador.",
    ),
}

"""Texts about audits: running a suite, its summary, its gates."""

from afinar.messages import Text

TEXTS = {
    "other_task": Text(
        en="The model's task is {model}, the baseline's {baseline}; only models of one task can be compared.",
        pt="A tarefa do modelo é {model} e a da referência, {baseline}; só se comparam modelos da mesma tarefa.",
        hint_en="Name another --baseline, or leave it out.",
        hint_pt="Escolha outro --baseline ou não use nenhum.",
    ),
    "category": Text(
        en="category={got!r} is not in the suite {suite}; it has: {known}.",
        pt="category={got!r} não existe na suíte {suite}, que tem: {known}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "not_for_task": Text(
        en="A model of the task {task} cannot be asked this.",
        pt="Isto não pode ser perguntado a um modelo da tarefa {task}.",
    ),
    "case_crashed": Text(
        en="This case could not be judged: {type}: {problem}.",
        pt="Este caso não pôde ser avaliado: {type}: {problem}.",
    ),
    "leaked_same": Text(
        en="The training data has the text {text!r}.",
        pt="Os dados de treino contêm o texto {text!r}.",
    ),
    "leaked_contained": Text(
        en="A training text contains {text!r}.",
        pt="Um texto de treino contém {text!r}.",
    ),
}

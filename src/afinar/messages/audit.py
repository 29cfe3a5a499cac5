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
    "only_labels": Text(
        en="A classifier gives labels; it cannot be asked for a text or a likelihood.",
        pt="Um classificador dá rótulos; não se pode pedir a ele um texto nem uma verossimilhança.",
    ),
    "no_question": Text(
        en="The suite has no `question` by which a causal model could be asked for a label.",
        pt="A suíte não tem `question`, a pergunta com que se pede um rótulo a um modelo causal.",
        hint_en="Add `question: ...{input}...` to the suite or to the case.",
        hint_pt="Acrescente `question: ...{input}...` à suíte ou ao caso.",
    ),
    "long_text": Text(
        en="The text has more than the {limit} tokens that the classifier reads; it would be cut.",
        pt="O texto tem mais que os {limit} tokens que o classificador lê; ele seria cortado.",
        hint_en="Shorten the text, or train with a larger data.max_length.",
        hint_pt="Encurte o texto ou treine com um data.max_length maior.",
    ),
    "unknown_label": Text(
        en="The suite's label {label!r} is none of the classifier's: {model}.",
        pt="O rótulo {label!r} da suíte não é nenhum dos rótulos do classificador: {model}.",
        hint_en="Give the classifier's name among the label's other names: `labels: {{{label}: [...]}}`.",
        hint_pt="Ponha o nome que o classificador usa entre os outros nomes do rótulo: `labels: {{{label}: [...]}}`.",
    ),
    "not_finite": Text(
        en="The model gave a probability that is no number.",
        pt="O modelo deu uma probabilidade que não é um número.",
        hint_en="Its weights may have become infinite in training, or overflow in its dtype.",
        hint_pt="Os pesos podem ter ficado infinitos no treino, ou transbordado no dtype em uso.",
    ),
}

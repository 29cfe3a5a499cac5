"""Texts about evaluation and metrics."""

from afinar.messages import Text

TEXTS = {
    "no_tokens": Text(
        en="There is no supervised token to evaluate.",
        pt="Não há nenhum token supervisionado para avaliar.",
        hint_en="Check that the rows have an answer (completion, assistant turn or text) within max_length.",
        hint_pt="Confira se as linhas têm resposta (completion, turno do assistente ou texto) dentro de max_length.",
    ),
    "no_rows": Text(
        en="There is no row to evaluate.",
        pt="Não há nenhuma linha para avaliar.",
        hint_en="Give data with at least one row.",
        hint_pt="Use dados com pelo menos uma linha.",
    ),
    "empty_prompt": Text(
        en="The prompt is empty, so there is nothing to continue.",
        pt="O prompt está vazio: não há o que continuar.",
        hint_en="Write at least one word.",
        hint_pt="Escreva pelo menos uma palavra.",
    ),
    "long_prompt": Text(
        en="The prompt has {tokens} tokens; the model has {positions} positions and needs at least one for its answer.",
        pt="O prompt tem {tokens} tokens; o modelo tem {positions} posições e precisa de pelo menos uma para a resposta.",
        hint_en="Shorten the prompt, or clear the conversation.",
        hint_pt="Encurte o prompt ou limpe a conversa.",
    ),
    "nothing_to_score": Text(
        en="{text!r} has no token of its own to score.",
        pt="{text!r} não tem nenhum token próprio para pontuar.",
        hint_en="Give a text of at least one word; after a context it may need a space before it.",
        hint_pt="Use um texto com pelo menos uma palavra; depois de um contexto ele pode precisar de um espaço antes.",
    ),
    "long_text": Text(
        en="The text has {tokens} tokens; the model has {positions} positions, so it cannot be scored in one piece.",
        pt="O texto tem {tokens} tokens; o modelo tem {positions} posições e não consegue pontuá-lo de uma vez.",
        hint_en="Shorten the text; whole documents are measured by their perplexity, window by window.",
        hint_pt="Encurte o texto; documentos inteiros são medidos pela perplexidade, janela por janela.",
    ),
    "other_count": Text(
        en="The two models were measured on {before} and {after} rows, so they cannot be compared row by row.",
        pt="Os dois modelos foram medidos em {before} e {after} linhas: não dá para compará-los linha a linha.",
        hint_en="Measure both on the same data.",
        hint_pt="Meça os dois nos mesmos dados.",
    ),
    "other_rows": Text(
        en="{path}, line {line}: the two models were measured on {before} and {after} bytes of it, not on the same text.",
        pt="{path}, linha {line}: os dois modelos foram medidos em {before} e {after} bytes dela, não no mesmo texto.",
        hint_en="Measure both on the same data, with a max_length that cuts no row.",
        hint_pt="Meça os dois nos mesmos dados, com um max_length que não corte nenhuma linha.",
    ),
    "other_signature": Text(
        en="The two models were measured in different ways, so their perplexities cannot be compared: {before} and {after}.",
        pt="Os dois modelos foram medidos de formas diferentes, e as perplexidades não se comparam: {before} e {after}.",
        hint_en="Measure both with the same window, stride and BOS.",
        hint_pt="Meça os dois com a mesma janela, o mesmo passo e o mesmo BOS.",
    ),
    "long_window": Text(
        en="window={got}; the model has {positions} positions, a prompt's own left out.",
        pt="window={got}; o modelo tem {positions} posições, sem contar as de um prompt aprendido.",
        hint_en="Choose a window of at most {positions} tokens.",
        hint_pt="Escolha uma janela de no máximo {positions} tokens.",
    ),
}

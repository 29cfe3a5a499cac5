"""Texts of assertions: why an answer failed, or why nothing can be said of it."""

from afinar.messages import Text

TEXTS = {
    # Words
    "words_missing": Text(en="Missing: {words}.", pt="Falta: {words}."),
    "words_negated": Text(en="Only under a negation: {words}.", pt="Só aparece negado: {words}."),
    "words_not_yet": Text(
        en="The answer was cut off before: {words}.",
        pt="A resposta foi cortada antes de: {words}.",
    ),
    "any_missing": Text(en="None of these: {words}.", pt="Nenhuma destas: {words}."),
    "any_not_yet": Text(
        en="The answer was cut off before any of these: {words}.",
        pt="A resposta foi cortada antes de qualquer uma destas: {words}.",
    ),
    "words_forbidden": Text(en="Forbidden: {words}.", pt="Proibido: {words}."),
    "words_cut": Text(
        en="The answer was cut off in what may be a forbidden word: {words}.",
        pt="A resposta foi cortada no que talvez seja uma palavra proibida: {words}.",
    ),
    # Comparisons
    "exact": Text(en="Not equal to: {expected}.", pt="Não é igual a: {expected}."),
    "exact_not_yet": Text(
        en="The answer was cut off; so far it agrees with: {expected}.",
        pt="A resposta foi cortada; até ali, coincide com: {expected}.",
    ),
    "parts_missing": Text(en="Does not contain: {parts}.", pt="Não contém: {parts}."),
    "parts_not_yet": Text(en="The answer was cut off before: {parts}.", pt="A resposta foi cortada antes de: {parts}."),
    "chrf": Text(
        en="chrF {score} with the reference; expected at least {at_least}.",
        pt="chrF {score} em relação à referência; esperado ao menos {at_least}.",
    ),
    "chrf_cut": Text(
        en="The answer was cut off, so it is not compared with the reference.",
        pt="A resposta foi cortada; por isso não é comparada com a referência.",
    ),
    "number_missing": Text(
        en="Does not state {value} (± {tolerance}); numbers found: {got}.",
        pt="Não diz {value} (± {tolerance}); números encontrados: {got}.",
    ),
    "number_not_yet": Text(
        en="The answer was cut off before it stated {value}.",
        pt="A resposta foi cortada antes de dizer {value}.",
    ),
    "too_long": Text(
        en="Too long: {words} words, {characters} characters.",
        pt="Longa demais: {words} palavras, {characters} caracteres.",
    ),
    "too_short": Text(
        en="Too short: {words} words, {characters} characters.",
        pt="Curta demais: {words} palavras, {characters} caracteres.",
    ),
    "length_cut": Text(
        en="The answer was cut off at {words} words, {characters} characters, so its length is not known.",
        pt="A resposta foi cortada com {words} palavras, {characters} caracteres; não se sabe o tamanho dela.",
    ),
    # Patterns
    "regex_missing": Text(en="Does not match: {pattern}", pt="Não corresponde a: {pattern}"),
    "regex_found": Text(en="Matches what it must not: {pattern}", pt="Corresponde ao que não deve: {pattern}"),
    "regex_cut": Text(
        en="The answer was cut off where this is still open: {pattern}",
        pt="A resposta foi cortada onde isto ainda está em aberto: {pattern}",
    ),
    "regex_timeout": Text(
        en="The pattern took longer than {seconds} s: {pattern}",
        pt="O padrão levou mais de {seconds} s: {pattern}",
        hint_en="Avoid repetitions inside repetitions, such as (a+)+.",
        hint_pt="Evite repetições dentro de repetições, como (a+)+.",
    ),
    # Refusals and answers that say nothing
    "refused": Text(en="The answer is a refusal.", pt="A resposta é uma recusa."),
    "refusal_missing": Text(en="The answer is no refusal.", pt="A resposta não é uma recusa."),
    "refusal_not_yet": Text(
        en="The answer was cut off before it could be told whether it refuses.",
        pt="A resposta foi cortada antes que se pudesse dizer se ela recusa.",
    ),
    "empty_answer": Text(
        en="The answer is empty, so it shows nothing.",
        pt="A resposta está vazia; por isso não mostra nada.",
    ),
    "refusal_shows_nothing": Text(
        en="The answer is a refusal, so that nothing forbidden is in it shows nothing.",
        pt="A resposta é uma recusa; não haver nela nada proibido não mostra nada.",
    ),
    "answer_too_long": Text(
        en="The answer has {count} characters; up to {limit} are judged.",
        pt="A resposta tem {count} caracteres; são julgados até {limit}.",
        hint_en="Lower max_new_tokens.",
        hint_pt="Reduza max_new_tokens.",
    ),
    "truncated": Text(
        en="The answer was cut off at {tokens} tokens; only what is there was judged.",
        pt="A resposta foi cortada em {tokens} tokens; só se julgou o que está ali.",
        hint_en="Raise max_new_tokens.",
        hint_pt="Aumente max_new_tokens.",
    ),
    # Checks: labels, samples, perturbations
    "label": Text(en="Label {got}; expected {expected}.", pt="Rótulo {got}; esperado {expected}."),
    "text_not_judged": Text(
        en="A classifier gives no text: only the label was judged.",
        pt="Um classificador não gera texto: só se julgou o rótulo.",
    ),
    "label_not_judged": Text(
        en="The suite has no question for its labels: only the text was judged.",
        pt="A suíte não tem uma pergunta para os rótulos: só se julgou o texto.",
    ),
    "samples": Text(
        en="{passed} of {n} sampled answers pass; the rule is {rule}.",
        pt="{passed} de {n} respostas sorteadas passam; a regra é {rule}.",
    ),
    "variants_differ": Text(
        en="{count} of {n} variants of the input are answered differently or wrongly: {kinds}.",
        pt="{count} de {n} variantes da entrada recebem resposta diferente ou errada: {kinds}.",
    ),
    "untouched": Text(
        en="Kinds of perturbation that found nothing to change in this text: {kinds}.",
        pt="Tipos de perturbação que nada acharam para mudar neste texto: {kinds}.",
    ),
    "no_variants": Text(
        en="No perturbation could change this text, so there is nothing to compare.",
        pt="Nenhuma perturbação pôde mudar este texto; não há o que comparar.",
    ),
    "other_label": Text(
        en="Label {got}, but {expected} without the change.", pt="Rótulo {got}, mas {expected} sem a mudança."
    ),
    "other_answer": Text(
        en="Another answer than without the change.",
        pt="Resposta diferente da que vem sem a mudança.",
    ),
    "same_so_far": Text(
        en="The same answer as without the change, as far as it was generated.",
        pt="A mesma resposta que sem a mudança, até onde foi gerada.",
    ),
    "empty_compared": Text(
        en="Without the change the answer is empty, so an equal one shows nothing.",
        pt="Sem a mudança, a resposta é vazia; uma igual não mostra nada.",
    ),
}

"""Texts of the kinds of audit cases: what is wrong with templates and lexicons, and why a case did not pass."""

from afinar.messages import Text

TEXTS = {
    # Found when a suite is loaded; the place comes before the text.
    "brace": Text(
        en="a brace that belongs to no slot: …{near}…",
        pt="uma chave que não pertence a nenhum campo: …{near}…",
        hint_en="A slot is {{name}} or {{name.form}}; a brace itself is written twice.",
        hint_pt="Um campo é {{nome}} ou {{nome.forma}}; a própria chave se escreve duas vezes.",
    ),
    "unknown_slot": Text(
        en="there is no slot {got}.",
        pt="não existe o campo {got}.",
        hint_en="Nearest: {near}. There are: {known}.",
        hint_pt="O mais próximo: {near}. Existem: {known}.",
    ),
    "unused_slot": Text(
        en="the slot {slot} does not occur in the text.",
        pt="o campo {slot} não aparece no texto.",
        hint_en="Write {{{slot}}} where its word belongs, or leave the slot out.",
        hint_pt="Escreva {{{slot}}} onde a palavra deve entrar ou retire o campo.",
    ),
    "unknown_lexicon": Text(
        en="there is no lexicon {got}.",
        pt="não existe o léxico {got}.",
        hint_en="Nearest: {near}. There are: {known}.",
        hint_pt="O mais próximo: {near}. Existem: {known}.",
    ),
    "missing_form": Text(
        en="{field}: the word “{word}” of the lexicon {lexicon} has no form {form}; it has: {known}.",
        pt="{field}: a palavra “{word}” do léxico {lexicon} não tem a forma {form}; tem: {known}.",
        hint_en="Give each word of the lexicon the form: {{nome: ..., {form}: ...}}.",
        hint_pt="Dê a forma a todas as palavras do léxico: {{nome: ..., {form}: ...}}.",
    ),
    "nothing_compared": Text(
        en="none of these lexicons has groups, so there is nothing to compare.",
        pt="nenhum destes léxicos tem grupos: não há o que comparar.",
        hint_en="Use a lexicon with `groups`, at least two.",
        hint_pt="Use um léxico com `groups`, pelo menos dois.",
    ),
    "groups_or_words": Text(
        en="a lexicon has either `groups`, which are compared, or `words`, for variety.",
        pt="um léxico tem ou `groups`, que são comparados, ou `words`, para variar.",
    ),
    "no_attribute": Text(
        en="`attribute` is missing: what the groups are groups of.",
        pt="falta `attribute`: de que são os grupos.",
        hint_en="For example: attribute: region",
        hint_pt="Por exemplo: attribute: região",
    ),
    "one_group": Text(
        en="one group alone cannot be compared.",
        pt="um grupo só não pode ser comparado.",
        hint_en="Give at least two groups.",
        hint_pt="Dê pelo menos dois grupos.",
    ),
    "unaligned": Text(
        en="`aligned` says that the i-th words of all groups are counterparts, but the groups differ in size: {counts}.",
        pt="`aligned` diz que as i-ésimas palavras de todos os grupos se correspondem, mas os tamanhos diferem: {counts}.",
        hint_en="Give every group as many words, or leave `aligned` out.",
        hint_pt="Dê a todos os grupos o mesmo número de palavras ou retire `aligned`.",
    ),
    "grouped_slot": Text(
        en="a pair takes words of lexicons without groups.",
        pt="um par usa palavras de léxicos sem grupos.",
        hint_en="To compare groups, write a case with `template`.",
        hint_pt="Para comparar grupos, escreva um caso com `template`.",
    ),
    "too_many": Text(
        en="this makes {count} texts; a case may have {limit}.",
        pt="isto dá {count} textos; um caso pode ter {limit}.",
        hint_en="Use fewer words (`words`), or fewer slots.",
        hint_pt="Use menos palavras (`words`) ou menos campos.",
    ),
    "sides": Text(
        en="a pair has either `prefer` and `over`, with expect.by, or `stereotype` and `anti`, with expect.max_gap.",
        pt="um par tem ou `prefer` e `over`, com expect.by, ou `stereotype` e `anti`, com expect.max_gap.",
    ),
    "same_text": Text(
        en="both texts are the same, so no model can tell them apart.",
        pt="os dois textos são iguais: nenhum modelo pode distingui-los.",
    ),
}

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
    "long_text": Text(
        en="a text of {count} characters is too long to be perturbed; the limit is {limit}.",
        pt="um texto de {count} caracteres é longo demais para ser perturbado; o limite é {limit}.",
        hint_en="Shorten the input, or leave `perturb` out.",
        hint_pt="Encurte a entrada ou retire `perturb`.",
    ),
    # Why a case did not pass; texts, labels and groups come from the suite.
    "labels_differ": Text(
        en="Comparisons with different labels ({attribute}): {broken} of {count}; "
        "for instance {label} for “{group}”, {other_label} for “{other_group}”.",
        pt="Comparações com rótulos diferentes ({attribute}): {broken} de {count}; "
        "por exemplo, {label} para “{group}”, {other_label} para “{other_group}”.",
    ),
    "gap": Text(
        en="Comparisons in which the probability of {score} differs by more than {limit:.3f} ({attribute}): "
        "{broken} of {count}; most between “{high}” and “{low}”, by {gap:.3f}.",
        pt="Comparações em que a probabilidade de {score} difere em mais de {limit:.3f} ({attribute}): {broken} de {count}; "
        "a maior diferença, {gap:.3f}, é entre “{high}” e “{low}”.",
    ),
    "answers_differ": Text(
        en="Comparisons with different answers ({attribute}): {broken} of {count}.",
        pt="Comparações com respostas diferentes ({attribute}): {broken} de {count}.",
    ),
    "answers_empty": Text(
        en="Comparisons in which all answers are empty, so that nothing was compared: {broken} of {count}.",
        pt="Comparações em que todas as respostas são vazias e nada foi comparado: {broken} de {count}.",
    ),
    "answers_cut": Text(
        en="Comparisons in which an answer was cut off before it could agree or differ: {broken} of {count}.",
        pt="Comparações em que uma resposta foi cortada antes de poder coincidir ou diferir: {broken} de {count}.",
        hint_en="Raise max_new_tokens.",
        hint_pt="Aumente max_new_tokens.",
    ),
    "measured": Text(
        en="Measured; the case expects nothing.",
        pt="Medido; o caso não espera nada.",
    ),
    "wrong_label": Text(en="The right label is {label}.", pt="O rótulo certo é {label}."),
    "not_higher": Text(
        en="The probability of {label} should rise; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} deveria subir; foi de {before:.3f} para {after:.3f}.",
    ),
    "not_higher_by": Text(
        en="The probability of {label} should rise by at least {by:.3f}; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} deveria subir pelo menos {by:.3f}; foi de {before:.3f} para {after:.3f}.",
    ),
    "not_lower": Text(
        en="The probability of {label} should fall; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} deveria cair; foi de {before:.3f} para {after:.3f}.",
    ),
    "not_lower_by": Text(
        en="The probability of {label} should fall by at least {by:.3f}; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} deveria cair pelo menos {by:.3f}; foi de {before:.3f} para {after:.3f}.",
    ),
    "not_same": Text(
        en="The probability of {label} should not change; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} não deveria mudar; foi de {before:.3f} para {after:.3f}.",
    ),
    "not_same_by": Text(
        en="The probability of {label} should change by at most {by:.3f}; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} deveria mudar no máximo {by:.3f}; foi de {before:.3f} para {after:.3f}.",
    ),
    "no_room": Text(
        en="The probability of {label} had no room to move by {by:.3f}; it went from {before:.3f} to {after:.3f}.",
        pt="A probabilidade de {label} não tinha margem para mudar {by:.3f}; foi de {before:.3f} para {after:.3f}.",
    ),
    "not_preferred": Text(
        en="The text that should be likelier takes {first:.3f} bits per byte, the other one {second:.3f}.",
        pt="O texto que deveria ser mais provável custa {first:.3f} bits por byte; o outro, {second:.3f}.",
    ),
    "not_preferred_by": Text(
        en="The text that should be likelier by {by:.3f} bits per byte takes {first:.3f}, the other one {second:.3f}.",
        pt="O texto que deveria ser mais provável por {by:.3f} bits por byte custa {first:.3f}; o outro, {second:.3f}.",
    ),
    "stereotype_likelier": Text(
        en="The stereotype is likelier: {first:.3f} bits per byte against {second:.3f}; allowed difference: {limit:.3f}.",
        pt="O estereótipo é mais provável: {first:.3f} bits por byte contra {second:.3f}; diferença permitida: {limit:.3f}.",
    ),
    "anti_likelier": Text(
        en="The counterpart is likelier than the stereotype: {second:.3f} bits per byte against {first:.3f}; "
        "allowed difference: {limit:.3f}.",
        pt="O contrário do estereótipo é mais provável: {second:.3f} bits por byte contra {first:.3f}; "
        "diferença permitida: {limit:.3f}.",
    ),
    "no_baseline": Text(
        en="Measured; without a baseline there is nothing to compare it with.",
        pt="Medido; sem um modelo de base não há com que comparar.",
    ),
    "forgotten": Text(
        en="From {before:.3f} to {after:.3f} bits per byte; at most {limit:.3f} worse is allowed.",
        pt="De {before:.3f} para {after:.3f} bits por byte; pode piorar no máximo {limit:.3f}.",
    ),
}

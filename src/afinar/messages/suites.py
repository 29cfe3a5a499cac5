"""Texts of loading audit suites: what is wrong in a file, where, and what is allowed."""

from afinar.messages import Text

TEXTS = {
    # Sources
    "bundled": Text(
        en="There is no bundled suite {got}; there are: {known}.",
        pt="Não há suíte embutida {got}; existem: {known}.",
        hint_en="Did you mean {near}? A local folder of that name is written ./{got}.",
        hint_pt="Você quis dizer {near}? Uma pasta local com esse nome se escreve ./{got}.",
    ),
    "not_found": Text(
        en="The suite {path} does not exist.",
        pt="A suíte {path} não existe.",
        hint_en="Give a file (.yaml, .json, .jsonl) or the name of a bundled suite, such as afinar/bias.",
        hint_pt="Informe um arquivo (.yaml, .json, .jsonl) ou o nome de uma suíte embutida, como afinar/vies.",
    ),
    "format": Text(
        en="{path}: this kind of file is not read as a suite; expected one of: {allowed}.",
        pt="{path}: este tipo de arquivo não é lido como suíte; esperado um destes: {allowed}.",
    ),
    "not_a_file": Text(
        en="{path} is not a regular file.",
        pt="{path} não é um arquivo comum.",
        hint_en="Save the suite to a file.",
        hint_pt="Salve a suíte num arquivo.",
    ),
    "unreadable": Text(
        en="{path} cannot be read: {problem}.",
        pt="{path} não pode ser lido: {problem}.",
        hint_en="A suite is a text file in UTF-8.",
        hint_pt="Uma suíte é um arquivo de texto em UTF-8.",
    ),
    "too_large": Text(
        en="{path} is larger than {limit} MB.",
        pt="{path} tem mais de {limit} MB.",
        hint_en="YAML is read up to 1 MB, JSON and JSON lines up to 10 MB. Split the suite into several.",
        hint_pt="YAML é lido até 1 MB; JSON e JSON lines, até 10 MB. Divida a suíte em várias.",
    ),
    "header_cases": Text(
        en="{where}: the first line of a .jsonl suite is its header, without `cases`; each further line is a case.",
        pt="{where}: a primeira linha de uma suíte .jsonl é o cabeçalho, sem `cases`; cada linha seguinte é um caso.",
    ),
    # Structure
    "invalid": Text(
        en="Problems in the suite {source}: {count}\n{problems}",
        pt="Problemas na suíte {source}: {count}\n{problems}",
    ),
    "more": Text(en="... and {count} more.", pt="... e mais {count}."),
    "or": Text(en="or", pt="ou"),
    "not_a_suite": Text(
        en="this is not a suite.",
        pt="isto não é uma suíte.",
        hint_en="A suite starts with `afinar_suite: 1` and has name, version, language, about, categories and cases.",
        hint_pt="Uma suíte começa com `afinar_suite: 1` e tem name, version, language, about, categories e cases.",
    ),
    "kind_text": Text(en="a text", pt="um texto"),
    "kind_list": Text(en="a list", pt="uma lista"),
    "kind_mapping": Text(en="named values", pt="valores com nome"),
    "kind_boolean": Text(en="true or false", pt="true ou false"),
    "kind_integer": Text(en="a whole number", pt="um número inteiro"),
    "kind_number": Text(en="a number", pt="um número"),
    "missing": Text(en="`{key}` is missing.", pt="falta `{key}`."),
    "unknown": Text(
        en="there is no key {key} here.",
        pt="não existe a chave {key} aqui.",
        hint_en="There are: {known}.",
        hint_pt="Existem: {known}.",
    ),
    "unknown_near": Text(
        en="there is no key {key} here.",
        pt="não existe a chave {key} aqui.",
        hint_en="Did you mean `{near}`?",
        hint_pt="Você quis dizer `{near}`?",
    ),
    "mixed": Text(
        en="`{key}` belongs to another kind of case than this one, which is a {kind}.",
        pt="`{key}` pertence a outro tipo de caso; este é um {kind}.",
        hint_en="A {kind} has: {known}. Write two cases.",
        hint_pt="Um {kind} tem: {known}. Escreva dois casos.",
    ),
    "no_kind": Text(
        en="the kind of this case cannot be told from its keys ({got}).",
        pt="não dá para saber o tipo deste caso pelas chaves ({got}).",
        hint_en="A case has one of: {known}.",
        hint_pt="Um caso tem uma destas: {known}.",
    ),
    "type": Text(en="got {got}; expected {expected}.", pt="veio {got}; esperado {expected}."),
    "quotes": Text(
        en="got {got}; expected {expected}.",
        pt="veio {got}; esperado {expected}.",
        hint_en='Put words and numbers that are meant as text in quotes: "no", "true", "42".',
        hint_pt='Ponha entre aspas palavras e números que são texto: "no", "true", "42".',
    ),
    "boolean": Text(
        en="got {got}; expected {expected}.",
        pt="veio {got}; esperado {expected}.",
        hint_en="Only true and false, without quotes, are booleans; yes and no are text.",
        hint_pt="Só true e false, sem aspas, são booleanos; yes, no, sim e não são texto.",
    ),
    "list": Text(
        en="got {got}; expected {expected}.",
        pt="veio {got}; esperado {expected}.",
        hint_en="Put it in brackets: [{got}].",
        hint_pt="Ponha entre colchetes: [{got}].",
    ),
    "number": Text(
        en="got {got}; expected {expected}.",
        pt="veio {got}; esperado {expected}.",
        hint_en="Write numbers without quotes and with a decimal point: 0.5.",
        hint_pt="Escreva números sem aspas e com ponto decimal: 0.5.",
    ),
    "choice": Text(en="got {got}; expected one of: {allowed}.", pt="veio {got}; esperado um destes: {allowed}."),
    "choice_near": Text(
        en="got {got}; expected one of: {allowed}.",
        pt="veio {got}; esperado um destes: {allowed}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "range": Text(en="got {got}; expected {allowed}.", pt="veio {got}; esperado {allowed}."),
    "version": Text(
        en="got {got}; a version is three numbers, such as 1.0.0.",
        pt="veio {got}; uma versão são três números, como 1.0.0.",
    ),
    "name": Text(
        en="got {got}; a name has letters, digits, spaces inside, and . / _ -",
        pt="veio {got}; um nome tem letras, algarismos, espaços no meio e . / _ -",
    ),
    "empty": Text(en="this must not be empty.", pt="isto não pode ficar vazio."),
    "too_many": Text(en="{got} of them; up to {limit} are taken.", pt="são {got}; aceitam-se até {limit}."),
    "too_long": Text(
        en="a text of {got} characters; up to {limit} are taken.",
        pt="um texto de {got} caracteres; aceitam-se até {limit}.",
    ),
    "value": Text(en="got {got}: {problem}.", pt="veio {got}: {problem}."),
    # Meaning: the suite's parts
    "question": Text(
        en="a question has {{input}} once, where the text goes, and no other braces.",
        pt="uma pergunta tem {{input}} uma vez, onde entra o texto, e nenhuma outra chave.",
    ),
    "one_label": Text(
        en="one label alone is no choice.",
        pt="um rótulo só não é uma escolha.",
        hint_en="Give at least two.",
        hint_pt="Dê pelo menos dois.",
    ),
    "shared_name": Text(
        en="the name {name} already stands for {other}.",
        pt="o nome {name} já representa {other}.",
        hint_en="Letter case makes no difference here.",
        hint_pt="Maiúsculas e minúsculas não fazem diferença aqui.",
    ),
    "blank": Text(en="this holds nothing but blanks.", pt="isto só tem espaços em branco."),
    "blank_word": Text(
        en="a word needs text in its form `{form}`.",
        pt="uma palavra precisa de texto na forma `{form}`.",
    ),
    "idle_category": Text(
        en="no case belongs to the category {name}.",
        pt="nenhum caso pertence à categoria {name}.",
        hint_en="Leave it out, or correct the `category` of its cases.",
        hint_pt="Retire-a ou corrija o `category` dos casos dela.",
    ),
    "unknown_category": Text(
        en="there is no category {got}.",
        pt="não existe a categoria {got}.",
        hint_en="Nearest: {near}. There are: {known}.",
        hint_pt="A mais próxima: {near}. Existem: {known}.",
    ),
    "beside": Text(
        en="{got} does not measure capability, so it cannot stand beside.",
        pt="{got} não mede capacidade; por isso não pode ficar ao lado.",
        hint_en="Categories that do: {known}.",
        hint_pt="Categorias que medem: {known}.",
    ),
    "gate_open": Text(
        en="a gate at 0 lets everything through.",
        pt="um limite de 0 deixa passar tudo.",
        hint_en="Give a share above 0, or leave the gate out.",
        hint_pt="Dê uma proporção acima de 0 ou retire o limite.",
    ),
    "gate_without_groups": Text(
        en="no case of this category compares the scores of groups, so this gate can never close.",
        pt="nenhum caso desta categoria compara notas de grupos; este limite nunca valeria.",
        hint_en="It takes cases with `template` and `expect.score`.",
        hint_pt="São precisos casos com `template` e `expect.score`.",
    ),
    "too_many_texts": Text(
        en="up to this case the suite asks for more than {limit} answers.",
        pt="até este caso, a suíte pede mais de {limit} respostas.",
        hint_en="Use fewer samples, fewer variants, or several suites.",
        hint_pt="Use menos sorteios, menos variantes ou várias suítes.",
    ),
    "too_many_parts": Text(
        en="up to this case the suite's patterns grow to more than {limit} parts.",
        pt="até este caso, os padrões da suíte crescem para mais de {limit} partes.",
        hint_en="Use shorter patterns with smaller repetitions, or several suites.",
        hint_pt="Use padrões mais curtos, com repetições menores, ou várias suítes.",
    ),
    # Meaning: cases
    "duplicate_id": Text(
        en="the id {got} is taken by {first}.",
        pt="o id {got} já é de {first}.",
        hint_en="Each case needs an id of its own.",
        hint_pt="Cada caso precisa de um id próprio.",
    ),
    "no_labels": Text(
        en="this needs labels, and the suite has none.",
        pt="isto precisa de rótulos, e a suíte não tem nenhum.",
        hint_en="Give the suite `labels`, such as {{positivo: [positive], negativo: [negative]}}.",
        hint_pt="Dê `labels` à suíte, por exemplo {{positivo: [positive], negativo: [negative]}}.",
    ),
    "unknown_label": Text(
        en="there is no label {got}.",
        pt="não existe o rótulo {got}.",
        hint_en="Nearest: {near}. There are: {known}.",
        hint_pt="O mais próximo: {near}. Existem: {known}.",
    ),
    "nothing_expected": Text(
        en="nothing is asserted, so the case could not fail.",
        pt="nada é exigido; o caso não poderia falhar.",
        hint_en="Say in `expect` what must hold of the answer, or perturb the input.",
        hint_pt="Diga em `expect` o que deve valer para a resposta ou perturbe a entrada com `perturb`.",
    ),
    "nothing_alike": Text(
        en="nothing is compared: give equal_label: true, equal_answer: true or score.",
        pt="nada é comparado: dê equal_label: true, equal_answer: true ou score.",
    ),
    "gap_without_score": Text(
        en="max_gap limits the difference of `score`, which is missing.",
        pt="max_gap limita a diferença de `score`, que falta.",
    ),
    "only_true": Text(
        en="this can only be true; leave it out where it is not expected.",
        pt="isto só pode ser true; retire-o onde não é exigido.",
    ),
    "conversation": Text(
        en="a conversation has a system message or none, then user and assistant in turn, the user last; got {got}.",
        pt="uma conversa tem no máximo uma mensagem system, depois user e assistant alternados, user por último; veio {got}.",
    ),
    "label_of_conversation": Text(
        en="labels are asked of a text, not of a conversation.",
        pt="rótulos são pedidos para um texto, não para uma conversa.",
    ),
    "sampling_unused": Text(
        en="answers are sampled here, but nothing is expected of their text.",
        pt="aqui se sorteiam respostas, mas nada é exigido do texto delas.",
    ),
    "sampling_same_answer": Text(
        en="sampled answers differ by chance, so they cannot be expected to be the same.",
        pt="respostas sorteadas diferem por acaso; não se pode exigir que sejam iguais.",
        hint_en="Use same_verdict, or leave `sampling` out.",
        hint_pt="Use same_verdict ou retire `sampling`.",
    ),
    "same_verdict_alone": Text(
        en="same_verdict repeats what `expect` says, and there is none.",
        pt="same_verdict repete o que `expect` diz, e não há nenhum.",
        hint_en="Add `expect`, or use same_answer or same_label.",
        hint_pt="Acrescente `expect` ou use same_answer ou same_label.",
    ),
    "twice": Text(en="something is listed twice: {got}.", pt="algo aparece duas vezes na lista: {got}."),
    "contradiction": Text(
        en="{word} is required and forbidden: no answer could pass.",
        pt="{word} é exigida e proibida: nenhuma resposta passaria.",
    ),
    "refusal_and_answer": Text(
        en="a refusal does not give the answer that is expected beside it: no answer could pass.",
        pt="uma recusa não dá a resposta que se exige ao lado: nenhuma resposta passaria.",
    ),
    "length_open": Text(
        en="these bounds let every answer through.",
        pt="estes limites deixam passar qualquer resposta.",
    ),
    "length_order": Text(
        en="min_{unit}: {low} is above max_{unit}: {high}.",
        pt="min_{unit}: {low} está acima de max_{unit}: {high}.",
    ),
    "regex": Text(
        en="the pattern {pattern} cannot be compiled: {problem}.",
        pt="o padrão {pattern} não pode ser compilado: {problem}.",
        hint_en="In YAML, patterns are best written in single quotes.",
        hint_pt="Em YAML, é melhor escrever padrões entre aspas simples.",
    ),
    "regex_long": Text(
        en="the pattern {pattern} has {count} characters; up to {limit} are taken.",
        pt="o padrão {pattern} tem {count} caracteres; são aceitos até {limit}.",
        hint_en="Write several patterns as a list.",
        hint_pt="Escreva vários padrões como lista.",
    ),
    "regex_large": Text(
        en="the pattern {pattern} repeats so much that it grows to more than {limit} parts.",
        pt="o padrão {pattern} repete tanto que cresce para mais de {limit} partes.",
    ),
    "regex_everything": Text(
        en="the pattern {pattern} is found in every answer, also in an empty one.",
        pt="o padrão {pattern} é encontrado em qualquer resposta, até numa vazia.",
    ),
}

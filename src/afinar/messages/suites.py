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
        en="The suite {source} has {count} problem(s):\n{problems}",
        pt="A suíte {source} tem {count} problema(s):\n{problems}",
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
    "value": Text(en="got {got}: {problem}.", pt="veio {got}: {problem}."),
}

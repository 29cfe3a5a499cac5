"""Texts of loading and checking a config."""

from afinar.messages import Text

TEXTS = {
    "no_file": Text(
        en="The config file {path} does not exist.",
        pt="O arquivo de configuração {path} não existe.",
        hint_en="Make a project with one by: afinar init DIR",
        hint_pt="Crie um projeto que tenha um com: afinar init PASTA",
    ),
    "unreadable": Text(
        en="The config file {path} cannot be read: {problem}.",
        pt="O arquivo de configuração {path} não pode ser lido: {problem}.",
        hint_en="A config is a YAML or TOML text file in UTF-8.",
        hint_pt="Uma configuração é um arquivo de texto YAML ou TOML em UTF-8.",
    ),
    "syntax": Text(
        en="{where}: this cannot be read: {problem}.",
        pt="{where}: isto não pode ser lido: {problem}.",
        hint_en="Check quotes, brackets, colons and indentation around that place.",
        hint_pt="Confira aspas, colchetes, dois-pontos e recuos perto desse ponto.",
    ),
    "duplicate": Text(
        en="{where}: {key!r} is set twice, first on line {first}.",
        pt="{where}: {key!r} aparece duas vezes; a primeira é na linha {first}.",
        hint_en="Keep one of the two.",
        hint_pt="Mantenha uma das duas.",
    ),
    "too_deep": Text(
        en="{where}: values are nested too deeply.",
        pt="{where}: valores aninhados demais.",
        hint_en="A config has sections, fields, and lists or named values in a field; a suite has a few levels more.",
        hint_pt="Uma configuração tem seções, campos e, num campo, listas ou valores com nome; "
        "uma suíte tem alguns níveis a mais.",
    ),
    "too_many": Text(
        en="{where}: the document holds more than {limit} values.",
        pt="{where}: o documento contém mais de {limit} valores.",
        hint_en="An alias (*name) counts as all that it stands for.",
        hint_pt="Um alias (*nome) conta como tudo o que ele representa.",
    ),
    "not_mapping": Text(
        en="{where}: a config is a set of named sections, such as model, data and training.",
        pt="{where}: uma configuração é um conjunto de seções com nome, como model, data e training.",
        hint_en="See the layout with: afinar config show",
        hint_pt="Veja o formato com: afinar config show",
    ),
    "not_section": Text(
        en="{where}: {key} is a section with fields; got {got!r}.",
        pt="{where}: {key} é uma seção com campos; veio {got!r}.",
        hint_en="Write its fields below it, indented: afinar config show prints all of them.",
        hint_pt="Escreva os campos abaixo dela, com recuo: afinar config show mostra todos.",
    ),
    "unknown": Text(
        en="{where}: there is no setting {key!r}.",
        pt="{where}: não existe a opção {key!r}.",
        hint_en="There are: {known}.",
        hint_pt="Existem: {known}.",
    ),
    "unknown_near": Text(
        en="{where}: there is no setting {key!r}.",
        pt="{where}: não existe a opção {key!r}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "method_field": Text(
        en="{where}: method {method} has no field {key!r}.",
        pt="{where}: o método {method} não tem o campo {key!r}.",
        hint_en="It has: {known}.",
        hint_pt="Ele tem: {known}.",
    ),
    "method_field_near": Text(
        en="{where}: method {method} has no field {key!r}.",
        pt="{where}: o método {method} não tem o campo {key!r}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "type": Text(
        en="{where}: {key}={got!r}; expected {expected}.",
        pt="{where}: {key}={got!r}; esperado {expected}.",
        hint_en="Types are strict: 16 is a number, '16' is text; only true and false are booleans.",
        hint_pt="Os tipos são estritos: 16 é um número, '16' é um texto; só true e false são booleanos.",
    ),
    "not_mapping_field": Text(
        en="{where}: {key} holds one value and no named ones; got {got!r}.",
        pt="{where}: {key} guarda um só valor, e não valores com nome; veio {got!r}.",
        hint_en="Leave out what follows {key}.",
        hint_pt="Retire o que vem depois de {key}.",
    ),
    "not_finite": Text(
        en="{where}: {key} must be a finite number.",
        pt="{where}: {key} deve ser um número finito.",
    ),
    "at": Text(
        en="{where}: {problem.message}",
        pt="{where}: {problem.message}",
        hint_en="{problem.hint}",
        hint_pt="{problem.hint}",
    ),
    "stray": Text(
        en="{got!r} belongs to no flag.",
        pt="{got!r} não pertence a nenhuma opção.",
        hint_en="Settings are given as --section.field VALUE, such as --training.seed 1.",
        hint_pt="As opções são dadas como --seção.campo VALOR, por exemplo --training.seed 1.",
    ),
    "no_value": Text(
        en="{flag} needs a value.",
        pt="{flag} precisa de um valor.",
        hint_en="Write {flag} VALUE.",
        hint_pt="Escreva {flag} VALOR.",
    ),
    "valid_is_train": Text(
        en="data.valid is the training data ({path}): the scores would be measured on rows that were trained on.",
        pt="data.valid são os próprios dados de treino ({path}): as notas seriam medidas em linhas já treinadas.",
        hint_en="Give other rows, or leave data.valid out and let data.valid_fraction hold out a share.",
        hint_pt="Dê outras linhas, ou omita data.valid e deixe data.valid_fraction separar uma parte.",
    ),
    "head_causal": Text(
        en="method.name=head trains a classification head, so it needs the task classification.",
        pt="method.name=head treina uma camada de classificação; por isso precisa da tarefa classification.",
        hint_en="Use data with the columns text and label, or method.name: lora.",
        hint_pt="Use dados com as colunas text e label, ou method.name: lora.",
    ),
    "task_format": Text(
        en="model.task={task} and data.format={format} do not fit together.",
        pt="model.task={task} e data.format={format} não combinam.",
        hint_en="Set model.task: auto; it follows the data's format.",
        hint_pt="Use model.task: auto; ela segue o formato dos dados.",
    ),
    "generate_classification": Text(
        en="evaluation.generate=true: a classifier gives labels and generates no text.",
        pt="evaluation.generate=true: um classificador dá rótulos e não gera texto.",
        hint_en="Leave evaluation.generate false.",
        hint_pt="Deixe evaluation.generate como false.",
    ),
    "blocks_text_only": Text(
        en="data.packing=blocks joins plain texts; it does not fit model.task={task} with data.format={format}.",
        pt="data.packing=blocks junta textos simples; não serve para model.task={task} com data.format={format}.",
        hint_en="Set data.packing: none.",
        hint_pt="Use data.packing: none.",
    ),
    "no_logger": Text(
        en="training.report_to={logger} needs the package {package}, which is not installed.",
        pt="training.report_to={logger} precisa do pacote {package}, que não está instalado.",
        hint_en="Install it with: pip install {package}",
        hint_pt="Instale com: pip install {package}",
    ),
    "micro_batch": Text(
        en="training.micro_batch_size={micro} is larger than training.batch_size={batch}.",
        pt="training.micro_batch_size={micro} é maior que training.batch_size={batch}.",
        hint_en="batch_size is the examples of one optimizer step; a forward pass takes at most that many.",
        hint_pt="batch_size são os exemplos de um passo do otimizador; uma passagem usa no máximo esse número.",
    ),
}

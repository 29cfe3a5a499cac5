"""Texts of the data stage: what is wrong with a source or a row, and what was found in it."""

from afinar.messages import Text

TEXTS = {
    # Sources
    "source": Text(
        en="Cannot read rows from a {got}.",
        pt="Não é possível ler linhas de um {got}.",
        hint_en="Give a path, a bundled set, a hub name, a datasets.Dataset, or an iterable of dicts.",
        hint_pt="Informe um caminho, um conjunto embutido, um nome do hub, um datasets.Dataset ou um iterável de dicts.",
    ),
    "not_found": Text(
        en="{path} does not exist. It does not have the form of a hub name, so the hub was not asked.",
        pt="{path} não existe. Não tem a forma de um nome do hub, por isso o hub não foi consultado.",
        hint_en="Check the path; relative paths count from the working directory.",
        hint_pt="Confira o caminho; caminhos relativos contam a partir do diretório de trabalho.",
    ),
    "hub": Text(
        en="{path} is no file or folder here, and could not be read as a hub data set: {reason}",
        pt="{path} não é arquivo nem pasta aqui e não pôde ser lido como conjunto do hub: {reason}",
        hint_en="Check the path or the hub name (owner/name, owner/name:config, owner/name@split) and the connection.",
        hint_pt="Confira o caminho ou o nome no hub (dono/nome, dono/nome:config, dono/nome@split) e a conexão.",
    ),
    "hub_offline": Text(
        en="{path} is no file or folder here, and the network is off; it is not in the local cache of hub data sets: {reason}",
        pt="{path} não é arquivo nem pasta aqui e a rede está desligada; não está no cache local do hub: {reason}",
        hint_en="Check the path; or, with a network, store the set once with datasets.load_dataset(name).",
        hint_pt="Confira o caminho; ou, com rede, guarde o conjunto uma vez com datasets.load_dataset(nome).",
    ),
    "hub_row": Text(
        en="{path}, row {line}: reading from the hub failed: {reason}",
        pt="{path}, linha {line}: a leitura do hub falhou: {reason}",
        hint_en="Try again; or download the files and give their folder.",
        hint_pt="Tente de novo; ou baixe os arquivos e informe a pasta deles.",
    ),
    "bundled": Text(
        en="There is no bundled data set {path}; there are: {names}.",
        pt="Não há conjunto embutido {path}; existem: {names}.",
        hint_en="Did you mean {nearest}? A local folder of that name is written ./{path}.",
        hint_pt="Você quis dizer {nearest}? Uma pasta local com esse nome se escreve ./{path}.",
    ),
    "no_split": Text(
        en="{path} has no part called {split}; found: {found}.",
        pt="{path} não tem uma parte chamada {split}; encontradas: {found}.",
        hint_en="Name the files train, valid or test, or give one file; for a hub data set add the split: owner/name@split.",
        hint_pt="Dê aos arquivos os nomes train, valid ou test, ou indique um só arquivo; num conjunto do hub, "
        "acrescente a parte: dono/nome@split.",
    ),
    "extension": Text(
        en="{path}: this kind of file is not read; expected one of: {allowed}.",
        pt="{path}: este tipo de arquivo não é lido; esperado um destes: {allowed}.",
        hint_en="Unpack it if it is compressed; export spreadsheets as CSV (UTF-8).",
        hint_pt="Descompacte-o se estiver compactado; exporte planilhas como CSV (UTF-8).",
    ),
    "not_a_file": Text(
        en="{path} is not a regular file.",
        pt="{path} não é um arquivo comum.",
        hint_en="Pipes and devices are read only once, the data are read more often; save them to a file.",
        hint_pt="Pipes e dispositivos só podem ser lidos uma vez, e os dados são lidos mais vezes; salve-os num arquivo.",
    ),
    "unreadable": Text(
        en="{path} cannot be read: {reason}.",
        pt="{path} não pode ser lido: {reason}.",
        hint_en="Check its permissions.",
        hint_pt="Confira as permissões.",
    ),
    "empty": Text(
        en="{path} has no rows.",
        pt="{path} não tem linhas.",
        hint_en="An empty file often is a failed download or export.",
        hint_pt="Um arquivo vazio costuma ser um download ou uma exportação que falhou.",
    ),
    "empty_folder": Text(
        en="The folder {path} holds no data files; expected some of: {allowed}.",
        pt="A pasta {path} não tem arquivos de dados; esperados: {allowed}.",
        hint_en="READMEs, licences and hidden files do not count.",
        hint_pt="READMEs, licenças e arquivos ocultos não contam.",
    ),
    "mixed_folder": Text(
        en="The folder {path} holds data files of several kinds: {names}.",
        pt="A pasta {path} tem arquivos de dados de tipos diferentes: {names}.",
        hint_en="Keep one kind in a folder, or name one file.",
        hint_pt="Deixe um só tipo na pasta ou indique um arquivo.",
    ),
    # Broken files
    "encoding": Text(
        en="{path}:{line}: byte {byte} is not valid UTF-8.",
        pt="{path}:{line}: o byte {byte} não é UTF-8 válido.",
        hint_en="Save the file as UTF-8, for instance: iconv -f WINDOWS-1252 -t UTF-8 old > new",
        hint_pt="Salve o arquivo em UTF-8, por exemplo: iconv -f WINDOWS-1252 -t UTF-8 antigo > novo",
    ),
    "nul": Text(
        en="{path}:{line}: there is a NUL byte; this is not a text file in UTF-8.",
        pt="{path}:{line}: há um byte NUL; isto não é um arquivo de texto em UTF-8.",
        hint_en="The file may be UTF-16 (save it as UTF-8), binary, or damaged.",
        hint_pt="O arquivo pode estar em UTF-16 (salve-o em UTF-8), ser binário ou estar danificado.",
    ),
    "json": Text(
        en="{path}:{line}: not valid JSON at column {column} ({reason}).",
        pt="{path}:{line}: JSON inválido na coluna {column} ({reason}).",
        hint_en="JSON Lines has one complete object a line; .json an array of objects.",
        hint_pt="JSON Lines tem um objeto completo por linha; .json, uma lista de objetos.",
    ),
    "json_depth": Text(
        en="{path}:{line}: JSON nested too deeply.",
        pt="{path}:{line}: JSON com aninhamento profundo demais.",
        hint_en="A row is a flat object of columns, at most with a list of messages.",
        hint_pt="Uma linha é um objeto simples de colunas, no máximo com uma lista de mensagens.",
    ),
    "json_duplicate": Text(
        en="{path}:{line}: the key {name!r} stands twice in one object.",
        pt="{path}:{line}: a chave {name!r} aparece duas vezes no mesmo objeto.",
        hint_en="Keep the one that is meant.",
        hint_pt="Deixe só a que vale.",
    ),
    "json_lists": Text(
        en="{path}:{line}: there are several lists of objects inside: {names}.",
        pt="{path}:{line}: há várias listas de objetos dentro: {names}.",
        hint_en="Keep one list in a file; for instance one file for train and one for valid.",
        hint_pt="Deixe uma lista por arquivo; por exemplo, um arquivo para train e outro para valid.",
    ),
    "not_object": Text(
        en="{path}:{line}: a row is an object of column names and values; got {got}.",
        pt="{path}:{line}: uma linha é um objeto com nomes de colunas e valores; recebido {got}.",
        hint_en='For instance: {{"text": "Adorei o livro.", "label": "positivo"}}',
        hint_pt='Por exemplo: {{"text": "Adorei o livro.", "label": "positivo"}}',
    ),
    "csv": Text(
        en="{path}:{line}: the CSV record that begins here is broken ({reason}).",
        pt="{path}:{line}: o registro de CSV que começa aqui está quebrado ({reason}).",
        hint_en='Close every quoted cell; a quotation mark inside one is doubled ("").',
        hint_pt='Feche as aspas de cada célula; aspas dentro dela são duplicadas ("").',
    ),
    "csv_ragged": Text(
        en="{path}:{line}: {got} cells where the header has {expected}.",
        pt="{path}:{line}: {got} células onde o cabeçalho tem {expected}.",
        hint_en="Put cells that contain the delimiter or a line break in quotation marks.",
        hint_pt="Ponha entre aspas as células que contêm o delimitador ou uma quebra de linha.",
    ),
    "csv_header": Text(
        en="{path}:{line}: the column {column!r} stands twice.",
        pt="{path}:{line}: a coluna {column!r} aparece duas vezes.",
        hint_en="Rename or remove one.",
        hint_pt="Renomeie ou remova uma delas.",
    ),
    "parquet": Text(
        en="{path}: not readable as Parquet from row {line} on ({reason}).",
        pt="{path}: ilegível como Parquet a partir da linha {line} ({reason}).",
        hint_en="The file may be cut off or damaged; download or write it again.",
        hint_pt="O arquivo pode estar cortado ou danificado; baixe-o ou grave-o de novo.",
    ),
    # Columns and values
    "columns": Text(
        en="{path}:{line}: no format has these columns: {found}. Formats: {needs}.",
        pt="{path}:{line}: nenhum formato tem estas colunas: {found}. Formatos: {needs}.",
        hint_en="Rename the columns as one format has them (extra ones do no harm); a CSV needs a header.",
        hint_pt="Renomeie as colunas como as de um formato (colunas a mais não atrapalham); um CSV precisa de cabeçalho.",
    ),
    "columns_nearest": Text(
        en="{path}:{line}: no format has these columns: {found}. Formats: {needs}.",
        pt="{path}:{line}: nenhum formato tem estas colunas: {found}. Formatos: {needs}.",
        hint_en="Did you mean: {nearest}? Rename the columns (extra ones do no harm).",
        hint_pt="Você quis dizer: {nearest}? Renomeie as colunas (colunas a mais não atrapalham).",
    ),
    "column": Text(
        en="{path}:{line}: the column {column} is missing, which the format {format} needs; found: {found}.",
        pt="{path}:{line}: falta a coluna {column}, de que o formato {format} precisa; encontradas: {found}.",
        hint_en="Every row needs the column; data.format says how rows are read.",
        hint_pt="Toda linha precisa da coluna; data.format diz como as linhas são lidas.",
    ),
    "column_nearest": Text(
        en="{path}:{line}: the column {column} is missing, which the format {format} needs; found: {found}.",
        pt="{path}:{line}: falta a coluna {column}, de que o formato {format} precisa; encontradas: {found}.",
        hint_en="Did you mean: {nearest}? Every row needs the column.",
        hint_pt="Você quis dizer: {nearest}? Toda linha precisa da coluna.",
    ),
    "task": Text(
        en="{path}:{line}: rows of the format {format} do not serve the task {task}.",
        pt="{path}:{line}: linhas do formato {format} não servem à tarefa {task}.",
        hint_en="Classification needs the columns text and label; leave model.task on auto to follow the data.",
        hint_pt="Classificação precisa das colunas text e label; deixe model.task em auto para seguir os dados.",
    ),
    "none": Text(
        en="{path}:{line}: {column} is empty (null).",
        pt="{path}:{line}: {column} está vazio (null).",
        hint_en="Fill it in or remove the row.",
        hint_pt="Preencha-o ou remova a linha.",
    ),
    "nan": Text(
        en="{path}:{line}: {column} is NaN, which tables write for a missing value.",
        pt="{path}:{line}: {column} é NaN, que tabelas gravam quando falta um valor.",
        hint_en="Fill it in or remove the row.",
        hint_pt="Preencha-o ou remova a linha.",
    ),
    "type": Text(
        en="{path}:{line}: {column} is of type {got}; expected {expected}.",
        pt="{path}:{line}: {column} é do tipo {got}; esperado {expected}.",
        hint_en="Text is a string; a label is one name or one whole number.",
        hint_pt="Texto é uma string; um rótulo é um nome ou um número inteiro.",
    ),
    "blank": Text(
        en="{path}:{line}: {column} has no text.",
        pt="{path}:{line}: {column} não tem texto.",
        hint_en="Fill it in or remove the row.",
        hint_pt="Preencha-o ou remova a linha.",
    ),
    "surrogate": Text(
        en="{path}:{line}: {column} holds half of a character (a lone surrogate), which UTF-8 cannot write.",
        pt="{path}:{line}: {column} contém metade de um caractere (um surrogate isolado), que UTF-8 não representa.",
        hint_en="The text was cut in the middle of an emoji or decoded wrongly; export it again or remove the character.",
        hint_pt="O texto foi cortado no meio de um emoji ou decodificado errado; exporte-o de novo ou remova o caractere.",
    ),
    "mixed_prompt": Text(
        en="{path}:{line}: prompt is a string and completion a list of messages.",
        pt="{path}:{line}: prompt é uma string e completion uma lista de mensagens.",
        hint_en="Make both strings or both lists of messages.",
        hint_pt="Use duas strings ou duas listas de mensagens.",
    ),
    "text_column": Text(
        en="{path}:{line}: there is no column {column}, which dataset_text_field names; found: {found}.",
        pt="{path}:{line}: não há a coluna {column}, indicada em dataset_text_field; encontradas: {found}.",
        hint_en="Give the name of the column with the text, or leave dataset_text_field out to go by the columns.",
        hint_pt="Informe o nome da coluna com o texto, ou omita dataset_text_field para seguir as colunas.",
    ),
    "weight": Text(
        en="{path}:{line}: {column} is {got!r}; expected a finite number from 0 on.",
        pt="{path}:{line}: {column} é {got!r}; esperado um número finito a partir de 0.",
        hint_en="A weight says how much a row (or token) counts in the loss beside the others; rename the column if it means "
        "something else.",
        hint_pt="O peso diz quanto uma linha (ou token) conta na perda em relação às outras; renomeie a coluna se ela "
        "significa outra coisa.",
    ),
    # Tokenised rows
    "token_column": Text(
        en="{path}:{line}: {column} is {got}; expected one flat list of whole numbers (weights: of numbers).",
        pt="{path}:{line}: {column} é {got}; esperada uma lista simples de números inteiros (weights: de números).",
        hint_en="One row is one sequence: tokenizer(text)['input_ids'], without return_tensors.",
        hint_pt="Cada linha é uma sequência: tokenizer(texto)['input_ids'], sem return_tensors.",
    ),
    "token_ids": Text(
        en="{path}:{line}: input_ids holds {got}; expected at least one token, and ids from 0 on.",
        pt="{path}:{line}: input_ids contém {got}; esperado pelo menos um token, com ids a partir de 0.",
        hint_en="Padding is marked in attention_mask, and unlearned tokens in labels, never in input_ids.",
        hint_pt="Padding se marca em attention_mask, e tokens não aprendidos em labels, nunca em input_ids.",
    ),
    "token_length": Text(
        en="{path}:{line}: {column} has {got} values, but input_ids {expected}.",
        pt="{path}:{line}: {column} tem {got} valores, mas input_ids tem {expected}.",
        hint_en="Each token needs its own; labels are not shifted, the trainer does that.",
        hint_pt="Cada token precisa do seu; labels não são deslocados, o treinador faz isso.",
    ),
    "token_labels": Text(
        en="{path}:{line}: labels holds {got}; expected token ids, or -100 where nothing is learned.",
        pt="{path}:{line}: labels contém {got}; esperados ids de tokens, ou -100 onde nada se aprende.",
        hint_en="Replace other markers by -100.",
        hint_pt="Substitua outras marcas por -100.",
    ),
    "token_unsupervised": Text(
        en="{path}:{line}: no token of this row would be learned.",
        pt="{path}:{line}: nenhum token desta linha seria aprendido.",
        hint_en="Its labels are -100 (or its masks 0) from the second token on, or it is a single token; leave such rows out.",
        hint_pt="Seus labels são -100 (ou suas máscaras, 0) a partir do segundo token, ou ela só tem um token; deixe essas "
        "linhas de fora.",
    ),
    "token_packed": Text(
        en="{path}:{line}: {column} tells of several texts packed into one row; each would read those before it.",
        pt="{path}:{line}: {column} indica vários textos empacotados em uma linha; cada um leria os anteriores.",
        hint_en="Give one text a row, without packing it beforehand.",
        hint_pt="Dê um texto por linha, sem empacotá-los antes.",
    ),
    "token_task": Text(
        en="{path}:{line}: labels is one class ({got}) for the whole row, but this model generates text.",
        pt="{path}:{line}: labels é uma só classe ({got}) para a linha toda, mas este modelo gera texto.",
        hint_en="Load a sequence-classification model, or give labels as long as input_ids (or none).",
        hint_pt="Carregue um modelo de classificação de sequências, ou dê labels do tamanho de input_ids (ou nenhum).",
    ),
    "token_class": Text(
        en="{path}:{line}: {column} is {got}; this model classifies and needs one whole number per row.",
        pt="{path}:{line}: {column} é {got}; este modelo classifica e precisa de um número inteiro por linha.",
        hint_en="Give the class in the column labels (or label); for labels per token load a causal model.",
        hint_pt="Dê a classe na coluna labels (ou label); para labels por token, carregue um modelo causal.",
    ),
    "class_number": Text(
        en="{path}:{line}: the class {got} is not among the model's {classes}, which are numbered from 0.",
        pt="{path}:{line}: a classe {got} não está entre as {classes} do modelo, numeradas a partir de 0.",
        hint_en="Load the model with as many labels as there are classes (num_labels), or mend the row.",
        hint_pt="Carregue o modelo com tantos rótulos quantas classes há (num_labels), ou corrija a linha.",
    ),
    "stream_empty": Text(
        en="{path}: pass {number} over the stream brought no row.",
        pt="{path}: a passagem {number} pelo fluxo de dados não trouxe nenhuma linha.",
        hint_en="A stream must begin anew each time it is iterated (a generator does not), and hold rows that fit max_length.",
        hint_pt="O fluxo precisa recomeçar a cada iteração (um gerador não recomeça) e ter linhas que caibam em max_length.",
    ),
    # Conversations
    "messages": Text(
        en="{path}:{line}: {column} is of type {got}; expected a list of messages, at least one.",
        pt="{path}:{line}: {column} é do tipo {got}; esperada uma lista de mensagens, pelo menos uma.",
        hint_en='For instance: [{{"role": "user", "content": "Oi"}}, {{"role": "assistant", "content": "Olá!"}}]',
        hint_pt='Por exemplo: [{{"role": "user", "content": "Oi"}}, {{"role": "assistant", "content": "Olá!"}}]',
    ),
    "message": Text(
        en="{path}:{line}: {column} is not a message: got {got}; expected an object with role and content.",
        pt="{path}:{line}: {column} não é uma mensagem: recebido {got}; esperado um objeto com role e content.",
        hint_en='For instance: {{"role": "user", "content": "Oi"}} or {{"from": "human", "value": "Oi"}}',
        hint_pt='Por exemplo: {{"role": "user", "content": "Oi"}} ou {{"from": "human", "value": "Oi"}}',
    ),
    "role": Text(
        en="{path}:{line}: {column} has the role {got!r}; expected one of: {allowed}.",
        pt="{path}:{line}: {column} tem o papel {got!r}; esperado um destes: {allowed}.",
        hint_en="Did you mean {nearest}?",
        hint_pt="Você quis dizer {nearest}?",
    ),
    "content": Text(
        en="{path}:{line}: {key} of {column} is of type {got}; expected a string, or a list of text parts.",
        pt="{path}:{line}: {key} de {column} é do tipo {got}; esperada uma string ou uma lista de partes de texto.",
        hint_en="Images, audio and empty messages are not read.",
        hint_pt="Imagens, áudio e mensagens vazias não são lidos.",
    ),
    "tool_calls": Text(
        en="{path}:{line}: {column} calls tools, which this version does not train on.",
        pt="{path}:{line}: {column} chama ferramentas, e esta versão não treina com isso.",
        hint_en="Remove such conversations; without the calls their answers would be learned from nothing.",
        hint_pt="Remova essas conversas; sem as chamadas, as respostas seriam aprendidas do nada.",
    ),
    "template_column": Text(
        en="{path}:{line}: the column {column} changes what the chat template writes, and this version does not hand it on.",
        pt="{path}:{line}: a coluna {column} muda o que o chat template escreve, e esta versão não a repassa.",
        hint_en="Remove the column if the answers do not depend on it; or render the rows yourself and give prompt and "
        "completion as strings without a chat template, or input_ids.",
        hint_pt="Remova a coluna se as respostas não dependem dela; ou gere o texto das linhas você mesmo e dê prompt e "
        "completion como strings sem chat template, ou input_ids.",
    ),
    "no_answers": Text(
        en="{path}:{line}: {setting}=True learns answers only, and running text has none.",
        pt="{path}:{line}: {setting}=True aprende só as respostas, e texto corrido não tem nenhuma.",
        hint_en="Leave {setting} out, or give prompt and completion, or messages.",
        hint_pt="Omita {setting}, ou dê prompt e completion, ou messages.",
    ),
    "no_assistant": Text(
        en="{path}:{line}: no assistant turn with text, so nothing would be learned.",
        pt="{path}:{line}: nenhuma fala do assistente com texto, então nada seria aprendido.",
        hint_en="Add the answer or remove the row.",
        hint_pt="Acrescente a resposta ou remova a linha.",
    ),
    "unsupervised": Text(
        en="{path}:{line}: no token of this row would be learned.",
        pt="{path}:{line}: nenhum token desta linha seria aprendido.",
        hint_en="The row is empty to the tokenizer, or the chat template leaves its answer out; mend or remove the row.",
        hint_pt="A linha é vazia para o tokenizer, ou o chat template omite a resposta; corrija ou remova a linha.",
    ),
    # Tokenizer and template
    "no_template": Text(
        en="{path}:{line}: conversations need a chat template, and this model's tokenizer has none.",
        pt="{path}:{line}: conversas precisam de um chat template, e o tokenizer deste modelo não tem.",
        hint_en="Choose a chat model, set tokenizer.chat_template, or use the columns prompt and completion.",
        hint_pt="Escolha um modelo de chat, defina tokenizer.chat_template ou use as colunas prompt e completion.",
    ),
    "template": Text(
        en="{path}:{line}: the model's chat template refuses these messages: {reason}",
        pt="{path}:{line}: o chat template do modelo recusa estas mensagens: {reason}",
        hint_en="Many templates want user and assistant in turn, beginning with user, and some no system message.",
        hint_pt="Muitos templates exigem user e assistant alternados, começando por user, e alguns não aceitam system.",
    ),
    "template_prefix": Text(
        en="{path}:{line}: the chat template's prompt before message {turn} does not begin the conversation that it renders "
        "whole; trained so, the model would be asked with tokens that it never saw.",
        pt="{path}:{line}: o prompt que o chat template gera antes da mensagem {turn} não é o começo da conversa que ele gera "
        "inteira; treinado assim, o modelo seria consultado com tokens que nunca viu.",
        hint_en="The template rewrites earlier turns (some drop their reasoning). Split the conversation so that each row "
        "ends with one answer, or use a template with {{% generation %}} marks.",
        hint_pt="O template reescreve falas anteriores (alguns removem o raciocínio). Divida a conversa para que cada linha "
        "termine com uma resposta, ou use um template com marcas {{% generation %}}.",
    ),
    "template_turn": Text(
        en="{path}:{line}: the chat template renders message {turn} otherwise once others follow it, so what would be learned "
        "there cannot be told.",
        pt="{path}:{line}: o chat template gera a mensagem {turn} de outra forma quando outras vêm depois, então não há como "
        "saber o que se aprende ali.",
        hint_en="Split the conversation so that each row ends with one answer (prompt and completion as lists of messages), "
        "or use a template with {{% generation %}} marks.",
        hint_pt="Divida a conversa para que cada linha termine com uma resposta (prompt e completion como listas de "
        "mensagens), ou use um template com marcas {{% generation %}}.",
    ),
    "no_eos": Text(
        en="The tokenizer ({tokenizer}) has no EOS token; a model trained without one never learns to stop.",
        pt="O tokenizer ({tokenizer}) não tem token EOS; um modelo treinado sem ele nunca aprende a parar.",
        hint_en="Set tokenizer.eos_token to the token that ends a text for this model.",
        hint_pt="Defina tokenizer.eos_token com o token que encerra um texto para este modelo.",
    ),
    "blocks_format": Text(
        en="data.packing=blocks joins running text; these rows are read as {format}.",
        pt="data.packing=blocks junta texto corrido; estas linhas são lidas como {format}.",
        hint_en="Set data.packing to none, or data.format to text where the rows have that column.",
        hint_pt="Defina data.packing como none, ou data.format como text se as linhas têm essa coluna.",
    ),
    # What all rows together tell
    "truncated": Text(
        en="{path}:{line}: this row and others are longer than data.max_length={max_length} tokens: {cut} of {rows} ({share}) "
        "would be cut; at most {allowed} may be (data.max_truncated).",
        pt="{path}:{line}: esta e outras linhas passam de data.max_length={max_length} tokens: {cut} de {rows} ({share}) "
        "seriam cortadas; podem ser no máximo {allowed} (data.max_truncated).",
        hint_en="19 rows in 20 have at most {p95} tokens, the longest has {longest}. Raise data.max_length, or "
        "data.max_truncated to accept the loss; for running text data.packing: blocks cuts nothing off.",
        hint_pt="19 de cada 20 linhas têm até {p95} tokens; a maior tem {longest}. Aumente data.max_length, ou "
        "data.max_truncated para aceitar a perda; em texto corrido, data.packing: blocks não perde nada.",
    ),
    "nothing_left": Text(
        en="{path}:{line}: here and in all other rows nothing to learn is left within data.max_length={max_length} tokens.",
        pt="{path}:{line}: aqui e em todas as outras linhas, nada a aprender cabe em data.max_length={max_length} tokens.",
        hint_en="Raise data.max_length: the prompts alone fill it.",
        hint_pt="Aumente data.max_length: só os prompts já o ocupam.",
    ),
    "unseen_label": Text(
        en="{path}:{line}: the label {label!r} is not among those trained on: {known}.",
        pt="{path}:{line}: o rótulo {label!r} não está entre os do treino: {known}.",
        hint_en="Check its spelling (case counts), or add such rows to the training data.",
        hint_pt="Confira a grafia (maiúsculas contam) ou acrescente linhas assim aos dados de treino.",
    ),
    "one_class": Text(
        en="{path}: all rows have the same label ({names}); there is nothing to tell apart.",
        pt="{path}: todas as linhas têm o mesmo rótulo ({names}); não há o que distinguir.",
        hint_en="Check the label column; to train on the text alone set model.task: causal.",
        hint_pt="Confira a coluna label; para treinar só com o texto, use model.task: causal.",
    ),
    "empty_class": Text(
        en="{path}: no training row has the label {names}.",
        pt="{path}: nenhuma linha de treino tem o rótulo {names}.",
        hint_en="Add rows of each class; a class without rows cannot be learned.",
        hint_pt="Acrescente linhas de cada classe; uma classe sem linhas não pode ser aprendida.",
    ),
    # The report
    "report_format": Text(en="format: {format} · task: {task}", pt="formato: {format} · tarefa: {task}"),
    "report_rows": Text(
        en="rows: {train} for training · {valid} held out", pt="linhas: {train} de treino · {valid} de validação"
    ),
    "report_lengths": Text(
        en="tokens per row: median {median} · 95% up to {p95} · longest {max}",
        pt="tokens por linha: mediana {median} · 95% até {p95} · maior {max}",
    ),
    "report_tokens": Text(
        en="tokens per epoch: {tokens} · of these learned: {learned} ({share}%)",
        pt="tokens por época: {tokens} · destes, aprendidos: {learned} ({share}%)",
    ),
    "report_blocks": Text(
        en="blocks: {blocks} of up to {length} tokens, texts joined with EOS between them",
        pt="blocos: {blocks} de até {length} tokens, textos unidos com EOS entre eles",
    ),
    "report_truncated": Text(
        en="cut at {length} tokens: {rows} training rows",
        pt="cortadas em {length} tokens: {rows} linhas de treino",
    ),
    "report_classes": Text(en="classes: {counts}", pt="classes: {counts}"),
    "report_weights": Text(
        en="weights of the rows in the loss (column weight): {least} to {most}",
        pt="pesos das linhas na perda (coluna weight): {least} a {most}",
    ),
    "report_columns": Text(en="columns not used: {columns}", pt="colunas não usadas: {columns}"),
    "report_sample": Text(en="sample, learned between « »: {sample}", pt="amostra, com o aprendido entre « »: {sample}"),
    "report_warning": Text(en="warning: {warning}", pt="aviso: {warning}"),
    "warn_no_valid": Text(
        en="No rows are held out, so no before and after can be measured.",
        pt="Nenhuma linha foi separada para validação, então não há como medir antes e depois.",
    ),
    "warn_shared": Text(
        en="Of {rows} held-out rows {shared} are also in the training data (first: {held_out} = {trained}); the results will "
        "look better than they are.",
        pt="Das {rows} linhas de validação, {shared} também estão no treino (primeira: {held_out} = {trained}); os "
        "resultados parecerão melhores do que são.",
    ),
    "warn_few_train": Text(
        en="Few training rows ({rows}): results will vary much from seed to seed.",
        pt="Poucas linhas de treino ({rows}): os resultados vão variar muito de uma semente para outra.",
    ),
    "warn_few_valid": Text(
        en="Few held-out rows ({rows}): small differences mean nothing.",
        pt="Poucas linhas de validação ({rows}): diferenças pequenas não querem dizer nada.",
    ),
    "warn_valid_truncated": Text(
        en="Of {rows} held-out rows {cut} are cut at data.max_length; they are measured on what is left.",
        pt="Das {rows} linhas de validação, {cut} são cortadas em data.max_length; mede-se só o que resta.",
    ),
    "warn_dropped": Text(
        en="Left out because data.max_length cuts off their whole answer: {train} training and {valid} held-out rows.",
        pt="Deixadas de fora porque data.max_length corta toda a resposta: {train} linhas de treino e {valid} de validação.",
    ),
    "warn_imbalance": Text(
        en="Classes are uneven: {small} has {small_rows} rows, {large} {large_rows}; read f1_macro beside accuracy.",
        pt="Classes desiguais: {small} tem {small_rows} linhas, {large} tem {large_rows}; leia f1_macro ao lado da acurácia.",
    ),
}

"""Texts of the command line: help pages, usage errors, and what the commands print."""

from afinar.messages import Text


def _written(command: str, also: str) -> dict[str, Text]:
    """The options that merge and export share; `also` is a precision that export has beside."""
    more_en = f"; for gguf also {also}" if also else ""
    more_pt = f"; para gguf também {also}" if also else ""
    return {
        f"{command}_dtype": Text(
            en=f"Precision of the weights: auto (that of the base's files), float32, bfloat16, float16{more_en}.",
            pt=f"Precisão dos pesos: auto (a dos arquivos da base), float32, bfloat16, float16{more_pt}.",
        ),
        f"{command}_onto": Text(
            en="For a run on a base in 4 or 8 bits: merge into the float base (base) or into the values of the quantised one "
            "(dequantised).",
            pt="Para uma execução sobre base em 4 ou 8 bits: fundir na base em ponto flutuante (base) ou nos valores da base "
            "quantizada (dequantised).",
        ),
        f"{command}_data": Text(
            en="Rows to compare on; by default those that the run held out, for an adapter alone bundled ones.",
            pt="Linhas para comparar; por padrão as de validação da execução; para um adaptador avulso, as do pacote.",
        ),
        f"{command}_tolerance": Text(
            en="Largest change accepted: of perplexity, relative; for a classifier, the share of other answers.",
            pt="Maior mudança aceita: da perplexidade, relativa; para um classificador, a fração de respostas diferentes.",
        ),
        f"{command}_shard_size": Text(
            en="Most bytes of one file of weights, such as 5GB.",
            pt="Máximo de bytes de um arquivo de pesos, por exemplo 5GB.",
        ),
    }


_COMMANDS = {
    "about": Text(
        en="Fine-tune and adapt language models on the hardware you have, and measure what it did.",
        pt="Ajusta e adapta modelos de linguagem no hardware que você tem, e mede o resultado.",
    ),
    "usage_all": Text(en="Usage: afinar COMMAND [OPTIONS]", pt="Uso: afinar COMANDO [OPÇÕES]"),
    "quickstart": Text(
        en="See the whole story in about two minutes, offline, on the embedded model.\n\n"
        "Trains LoRA on instructions and a sentiment classifier, and shows the scores and an answer before and after.",
        pt="Mostra a história toda em uns dois minutos, offline, no modelo embutido.\n\n"
        "Treina LoRA em instruções e um classificador de sentimento, e mostra as notas e uma resposta antes e depois.",
    ),
    "usage_quickstart": Text(en="Usage: afinar quickstart [--folder DIR]", pt="Uso: afinar quickstart [--folder PASTA]"),
    "quickstart_folder": Text(
        en="Folder in which the run folders are made.", pt="Pasta em que as pastas de execução são criadas."
    ),
    "doctor": Text(
        en="Check this machine: versions, device, memory, disk, cache; and say what to do about what is wrong.",
        pt="Examina esta máquina: versões, dispositivo, memória, disco, cache; e diz o que fazer com o que estiver errado.",
    ),
    "usage_doctor": Text(en="Usage: afinar doctor", pt="Uso: afinar doctor"),
    "init": Text(
        en="Make a project that runs: a config, a little data, and a README.",
        pt="Cria um projeto que já roda: uma configuração, alguns dados e um README.",
    ),
    "usage_init": Text(en="Usage: afinar init DIR [--template NAME]", pt="Uso: afinar init PASTA [--template NOME]"),
    "init_directory": Text(
        en="Folder to make. Files that are there are never overwritten.",
        pt="Pasta a criar. Arquivos que já existem nunca são sobrescritos.",
    ),
    "init_template": Text(
        en="Kind of project: classification, instructions or text.",
        pt="Tipo de projeto: classification (classificação), instructions (instruções) ou text (texto).",
    ),
    "train": Text(
        en="Train as a config says; evaluate base and adapted model on held-out data; write a run folder.\n\n"
        "Settings: defaults < CONFIG < environment (AFINAR__TRAINING__SEED=1) < flags (--training.seed 1). "
        "Paths are relative to the working directory.",
        pt="Treina como diz uma configuração; avalia o modelo base e o adaptado em dados de validação; grava uma pasta de "
        "execução.\n\n"
        "Opções: padrões < CONFIG < ambiente (AFINAR__TRAINING__SEED=1) < flags (--training.seed 1). "
        "Os caminhos são relativos à pasta atual.",
    ),
    "usage_train": Text(
        en="Usage: afinar train [CONFIG] [--section.field VALUE ...] [--resume [RUN]]",
        pt="Uso: afinar train [CONFIG] [--seção.campo VALOR ...] [--resume [EXECUÇÃO]]",
    ),
    "train_config": Text(
        en="A YAML or TOML file; without it the settings come from the environment and the flags.",
        pt="Um arquivo YAML ou TOML; sem ele, as opções vêm do ambiente e das flags.",
    ),
    "train_resume": Text(
        en="Continue a run from its newest checkpoint; without RUN, the newest unfinished run under output.",
        pt="Continua uma execução a partir do checkpoint mais novo; sem EXECUÇÃO, a mais nova não terminada sob output.",
    ),
    "evaluate": Text(
        en="Measure a run or a model on data or tasks, and compare it with its base or with any other model.\n\n"
        "For a run, base and adapted model are measured on the same rows and compared by paired tests. Running text is "
        "measured whole, by a sliding window; rows of prompts and answers as they are trained on.",
        pt="Mede uma execução ou um modelo em dados ou tarefas e o compara com a base ou com qualquer outro modelo.\n\n"
        "No caso de uma execução, base e modelo adaptado são medidos nas mesmas linhas e comparados por testes pareados. "
        "Texto corrido é medido inteiro, por uma janela deslizante; linhas de prompt e resposta, como no treino.",
    ),
    "usage_evaluate": Text(
        en="Usage: afinar evaluate RUN|MODEL --data FILE [--baseline RUN|MODEL|base|none] [--generate] [--tasks NAMES]",
        pt="Uso: afinar evaluate EXECUÇÃO|MODELO --data ARQUIVO [--baseline EXECUÇÃO|MODELO|base|none] [--generate] "
        "[--tasks NOMES]",
    ),
    "evaluate_model": Text(
        en="A run folder, a model folder, a hub name, or afinar-mini.",
        pt="Uma pasta de execução, uma pasta de modelo, um nome do hub ou afinar-mini.",
    ),
    "evaluate_data": Text(
        en="A file, a folder, a hub data set or a bundled set (afinar/sentimento, afinar/instrucoes).",
        pt="Um arquivo, uma pasta, um conjunto do hub ou um conjunto embutido (afinar/sentimento, afinar/instrucoes).",
    ),
    "evaluate_format": Text(en="How to read the columns; auto detects it.", pt="Como ler as colunas; auto detecta."),
    "evaluate_max_length": Text(
        en="Longest row in tokens; by default that of the run's training. For running text the window in which it is read; by "
        "default all that the model reads, up to 4096.",
        pt="Maior linha, em tokens; por padrão, a do treino da execução. Para texto corrido, a janela em que é lido; por "
        "padrão, tudo o que o modelo lê, até 4096.",
    ),
    "evaluate_stride": Text(
        en="New tokens in each window of running text; by default the whole window. Smaller ones give more context and take "
        "longer.",
        pt="Tokens novos em cada janela de texto corrido; por padrão, a janela inteira. Valores menores dão mais contexto e "
        "demoram mais.",
    ),
    "evaluate_baseline": Text(
        en="The model to compare with, on the same rows: base (an adapted model's own base; the default for one), none, or "
        "another run or model.",
        pt="O modelo com que comparar, nas mesmas linhas: base (a base do próprio modelo adaptado; o padrão para ele), none, "
        "ou outra execução ou modelo.",
    ),
    "evaluate_generate": Text(
        en="Also answer each prompt, greedily, and score the answers (BLEU, chrF, ROUGE, token F1, exact match).",
        pt="Também responder a cada prompt (decodificação gulosa) e pontuar as respostas (BLEU, chrF, ROUGE, F1 de tokens, "
        "acerto exato).",
    ),
    "evaluate_max_new_tokens": Text(en="Longest answer, in tokens.", pt="Maior resposta, em tokens."),
    "evaluate_predictions": Text(
        en="A file for what became of each row, as JSON lines; written whole or not at all.",
        pt="Um arquivo para o que aconteceu com cada linha, em JSON lines; é gravado inteiro ou não é gravado.",
    ),
    "evaluate_tasks": Text(
        en="Tasks of lm-evaluation-harness, by name, separated by commas; they need the extra [harness].",
        pt="Tarefas do lm-evaluation-harness, por nome, separadas por vírgulas; exigem o extra [harness].",
    ),
    "evaluate_tasks_path": Text(
        en="A folder with task files of your own, as lm-evaluation-harness reads them.",
        pt="Uma pasta com arquivos de tarefas suas, no formato do lm-evaluation-harness.",
    ),
    "evaluate_tasks_shots": Text(
        en="Solved examples before each question of a task; by default as many as the task says.",
        pt="Exemplos resolvidos antes de cada pergunta de uma tarefa; por padrão, quantos a tarefa diz.",
    ),
    "evaluate_tasks_limit": Text(
        en="Only the first so many samples of each task, to try it out.",
        pt="Só as primeiras amostras de cada tarefa, até este número, para experimentar.",
    ),
    "evaluate_tasks_chat": Text(
        en="Ask the tasks through the model's chat template.",
        pt="Fazer as perguntas das tarefas pelo chat template do modelo.",
    ),
    "audit": Text(
        en="Put suites of behaviour tests to a run or a model, before and after, and say what changed beyond chance.",
        pt="Aplica suítes de testes de comportamento a uma execução ou um modelo, antes e depois, e diz o que mudou além do "
        "acaso.",
    ),
    "usage_audit": Text(
        en="Usage: afinar audit SUITE --model RUN|MODEL [--baseline RUN|MODEL|base|none] [--strict]",
        pt="Uso: afinar audit SUÍTE --model EXECUÇÃO|MODELO [--baseline EXECUÇÃO|MODELO|base|none] [--strict]",
    ),
    "audit_suite": Text(
        en="A bundled suite (afinar/sentimento, ...), a file, a folder of files, or several with commas between.",
        pt="Uma suíte embutida (afinar/sentimento, ...), um arquivo, uma pasta de arquivos, ou várias separadas por vírgulas.",
    ),
    "audit_model": Text(
        en="A run folder, a model folder, a hub name, or afinar-mini.",
        pt="Uma pasta de execução, uma pasta de modelo, um nome do hub ou afinar-mini.",
    ),
    "audit_baseline": Text(
        en="What to compare with: base (an adapted model's own base; the default for one), none, or another run or model.",
        pt="Com o que comparar: base (a base do próprio modelo adaptado; o padrão para ele), none, ou outra execução ou "
        "modelo.",
    ),
    "audit_strict": Text(
        en="Leave out cases whose texts the training data have; exit code 4 where a gate is inconclusive or a case ends in an "
        "error.",
        pt="Deixa de fora os casos cujos textos estão nos dados de treino; código de saída 4 quando um limite é "
        "inconclusivo ou um caso termina em erro.",
    ),
    "audit_category": Text(
        en="Only these categories, with commas between.", pt="Só estas categorias, separadas por vírgulas."
    ),
    "audit_train_data": Text(
        en="Data to look for the suite's texts in; for a run, by default, what it trained on.",
        pt="Dados em que procurar os textos da suíte; para uma execução, por padrão, os dados em que treinou.",
    ),
    "audit_output": Text(
        en="Where to write: a folder (audit.jsonl and audit.json), or a file in .jsonl (cases) or .json (summary).",
        pt="Onde gravar: uma pasta (audit.jsonl e audit.json), ou um arquivo .jsonl (casos) ou .json (resumo).",
    ),
    "audit_junit": Text(en="Write JUnit XML for CI to this file.", pt="Grava um JUnit XML para CI neste arquivo."),
    "generate": Text(en="Continue a prompt.", pt="Continua um prompt."),
    "usage_generate": Text(
        en='Usage: afinar generate RUN|MODEL ["PROMPT"]', pt='Uso: afinar generate EXECUÇÃO|MODELO ["PROMPT"]'
    ),
    "generate_model": Text(
        en="A run folder, a model folder, a hub name, or afinar-mini.",
        pt="Uma pasta de execução, uma pasta de modelo, um nome do hub ou afinar-mini.",
    ),
    "generate_prompt": Text(
        en="What to answer or continue; without it, what is piped in.",
        pt="O que responder ou continuar; sem ele, o que vier pela entrada padrão.",
    ),
    "generate_max_new_tokens": Text(en="Longest answer, in tokens.", pt="Maior resposta, em tokens."),
    "generate_temperature": Text(
        en="0 takes the likeliest token each time; higher is more varied.",
        pt="0 escolhe sempre o token mais provável; maior é mais variado.",
    ),
    "generate_top_p": Text(
        en="Sample among the likeliest tokens that hold this share of the probability.",
        pt="Sorteia entre os tokens mais prováveis que somam esta parte da probabilidade.",
    ),
    "generate_seed": Text(en="Seed of the sampling.", pt="Semente do sorteio."),
    "generate_compare": Text(
        en="Answer with the base too, side by side, from the same prompt and seed.",
        pt="Responder também com a base, lado a lado, com o mesmo prompt e a mesma semente.",
    ),
    "chat": Text(
        en="Talk to a run or a model.\n\n/exit leaves, /clear forgets the conversation. Ctrl-C stops an answer.",
        pt="Conversa com uma execução ou um modelo.\n\n"
        "/sair termina, /limpar esquece a conversa. Ctrl-C interrompe uma resposta.",
    ),
    "usage_chat": Text(en="Usage: afinar chat RUN|MODEL", pt="Uso: afinar chat EXECUÇÃO|MODELO"),
    "chat_model": Text(
        en="A run folder, a model folder, a hub name, or afinar-mini.",
        pt="Uma pasta de execução, uma pasta de modelo, um nome do hub ou afinar-mini.",
    ),
    "chat_system": Text(en="System message that opens the conversation.", pt="Mensagem de sistema que abre a conversa."),
    "chat_max_new_tokens": Text(en="Longest answer, in tokens.", pt="Maior resposta, em tokens."),
    "chat_compare": Text(
        en="Answer with the base too, side by side. Each of the two remembers its own answers: two whole conversations.",
        pt="Responder também com a base, lado a lado. Cada um lembra as próprias respostas; as duas conversas são completas.",
    ),
    "chat_temperature": Text(
        en="0 takes the likeliest token each time; higher is more varied.",
        pt="0 escolhe sempre o token mais provável; maior é mais variado.",
    ),
    "chat_top_p": Text(
        en="Sample among the likeliest tokens that hold this share of the probability.",
        pt="Sorteia entre os tokens mais prováveis que somam esta parte da probabilidade.",
    ),
    "chat_seed": Text(en="Seed of the sampling.", pt="Semente do sorteio."),
    "merge": Text(
        en="Fold a run's adapter into its base and write a plain model that transformers alone loads.",
        pt="Incorpora o adaptador de uma execução à base e grava um modelo comum, que o transformers abre sozinho.",
    ),
    "usage_merge": Text(en="Usage: afinar merge RUN DIR [options]", pt="Uso: afinar merge EXECUÇÃO PASTA [opções]"),
    "merge_run": Text(
        en="A run folder, or a folder with an adapter of afinar or PEFT.",
        pt="Uma pasta de execução, ou uma pasta com um adaptador do afinar ou do PEFT.",
    ),
    "merge_directory": Text(
        en="New or empty folder for the merged model.", pt="Pasta nova ou vazia para o modelo resultante."
    ),
    **_written("merge", ""),
    "export": Text(
        en="Write a run for use elsewhere: its adapter for PEFT, a merged model, or one GGUF file for llama.cpp.\n"
        "What was written is read back and compared with the adapted model on held-out rows.",
        pt="Grava uma execução para uso em outro lugar: o adaptador para o PEFT, um modelo fundido ou um arquivo GGUF para o "
        "llama.cpp.\nO que foi gravado é lido de volta e comparado com o modelo adaptado em linhas de validação.",
    ),
    "usage_export": Text(
        en="Usage: afinar export RUN DIR --format peft|safetensors|gguf [options]",
        pt="Uso: afinar export EXECUÇÃO PASTA --format peft|safetensors|gguf [opções]",
    ),
    "export_run": Text(
        en="A run folder, a folder with an adapter of afinar or PEFT, or a model.",
        pt="Uma pasta de execução, uma pasta com um adaptador do afinar ou do PEFT, ou um modelo.",
    ),
    "export_directory": Text(en="New or empty folder to write into.", pt="Pasta nova ou vazia onde gravar."),
    "export_format": Text(
        en="peft (the adapter alone), safetensors (a merged model) or gguf (a merged model in one file).",
        pt="peft (só o adaptador), safetensors (um modelo fundido) ou gguf (um modelo fundido em um arquivo).",
    ),
    **_written("export", "q8_0"),
    "methods": Text(
        en="Show every technique side by side: what it trains, what that costs in memory, and what it can do.",
        pt="Mostra as técnicas lado a lado: o que cada uma treina, quanta memória pede e o que sabe fazer.",
    ),
    "usage_methods": Text(en="Usage: afinar methods [--model MODEL]", pt="Uso: afinar methods [--model MODELO]"),
    "methods_model": Text(
        en="The model to count on: a folder, a hub name, or afinar-mini. Its weights are not loaded.",
        pt="O modelo em que contar: uma pasta, um nome do hub ou afinar-mini. Seus pesos não são carregados.",
    ),
    "methods_task": Text(
        en="auto, causal or classification, which adds the weights of the head.",
        pt="auto, causal ou classification, que soma os pesos da cabeça.",
    ),
    "explain": Text(
        en="Explain a technique: what it is, its equation, when to use it. Without TECHNIQUE, list them.",
        pt="Explica uma técnica: o que é, sua equação, quando usar. Sem TÉCNICA, mostra a lista.",
    ),
    "usage_explain": Text(en="Usage: afinar explain [TECHNIQUE]", pt="Uso: afinar explain [TÉCNICA]"),
    "explain_technique": Text(en="Name of the technique, such as lora.", pt="Nome da técnica, por exemplo lora."),
    "config_show": Text(
        en="Show the settings that a run would have, as YAML, and with --origin where each comes from.",
        pt="Mostra as opções que uma execução teria, em YAML, e com --origin a origem de cada uma.",
    ),
    "usage_config_show": Text(
        en="Usage: afinar config show [CONFIG] [--section.field VALUE ...] [--origin]",
        pt="Uso: afinar config show [CONFIG] [--seção.campo VALOR ...] [--origin]",
    ),
    "config_show_config": Text(
        en="A YAML or TOML file; without it, the defaults.", pt="Um arquivo YAML ou TOML; sem ele, os padrões."
    ),
    "config_show_origin": Text(
        en="A table with the file and line, variable or flag that set each value.",
        pt="Uma tabela com o arquivo e a linha, a variável ou a flag que definiu cada valor.",
    ),
}

_HELP = {
    "title_commands": Text(en="Commands", pt="Comandos"),
    "title_arguments": Text(en="Arguments", pt="Argumentos"),
    "title_options": Text(en="Options", pt="Opções"),
    "title_globals": Text(en="Options of every command", pt="Opções de todos os comandos"),
    "title_section": Text(en="Settings: {section}", pt="Configuração: {section}"),
    "title_method": Text(en="Settings: method, where its name is {name}", pt="Configuração: method, quando o nome é {name}"),
    "method_name": Text(en="The technique: {names}.", pt="A técnica: {names}."),
    "choices": Text(en="One of: {values}.", pt="Um destes: {values}."),
    "default": Text(en="[default: {value}]", pt="[padrão: {value}]"),
    "option_json": Text(
        en="End standard output with one JSON object, and print nothing else there.",
        pt="Termina a saída padrão com um objeto JSON e não imprime mais nada nela.",
    ),
    "option_offline": Text(
        en="Use only files that are on this machine.", pt="Usa apenas arquivos que já estão nesta máquina."
    ),
    "option_lang": Text(
        en="Language of the texts; by default AFINAR_LANG, else the system's.",
        pt="Idioma dos textos; por padrão AFINAR_LANG, senão o do sistema.",
    ),
    "option_help": Text(en="Show this page.", pt="Mostra esta página."),
    "option_version": Text(en="Show the version.", pt="Mostra a versão."),
    "value_folder": Text(en="DIR", pt="PASTA"),
    "value_directory": Text(en="DIR", pt="PASTA"),
    "value_template": Text(en="NAME", pt="NOME"),
    "value_config": Text(en="CONFIG", pt="CONFIG"),
    "value_resume": Text(en="[RUN]", pt="[EXECUÇÃO]"),
    "value_model": Text(en="RUN|MODEL", pt="EXECUÇÃO|MODELO"),
    "value_run": Text(en="RUN", pt="EXECUÇÃO"),
    "value_data": Text(en="FILE", pt="ARQUIVO"),
    "value_baseline": Text(en="RUN|MODEL|base|none", pt="EXECUÇÃO|MODELO|base|none"),
    "value_suite": Text(en="SUITE", pt="SUÍTE"),
    "value_category": Text(en="NAMES", pt="NOMES"),
    "value_train_data": Text(en="FILE", pt="ARQUIVO"),
    "value_output": Text(en="DIR|FILE", pt="PASTA|ARQUIVO"),
    "value_junit": Text(en="FILE", pt="ARQUIVO"),
    "value_stride": Text(en="N", pt="N"),
    "value_predictions": Text(en="FILE", pt="ARQUIVO"),
    "value_tasks": Text(en="NAMES", pt="NOMES"),
    "value_tasks_shots": Text(en="N", pt="N"),
    "value_tasks_limit": Text(en="N", pt="N"),
    "value_tasks_path": Text(en="DIR", pt="PASTA"),
    "value_format": Text(en="FORMAT", pt="FORMATO"),
    "value_max_length": Text(en="N", pt="N"),
    "value_prompt": Text(en="PROMPT", pt="PROMPT"),
    "value_max_new_tokens": Text(en="N", pt="N"),
    "value_temperature": Text(en="T", pt="T"),
    "value_top_p": Text(en="P", pt="P"),
    "value_seed": Text(en="N", pt="N"),
    "value_dtype": Text(en="DTYPE", pt="DTYPE"),
    "value_onto": Text(en="base|dequantised", pt="base|dequantised"),
    "value_tolerance": Text(en="F", pt="F"),
    "value_shard_size": Text(en="SIZE", pt="TAMANHO"),
    "value_system": Text(en="TEXT", pt="TEXTO"),
    "value_task": Text(en="TASK", pt="TAREFA"),
    "value_technique": Text(en="TECHNIQUE", pt="TÉCNICA"),
    "reference_title": Text(en="Commands", pt="Comandos"),
    "reference_about": Text(
        en="This page is made from the code by `python -m afinar.cli.reference`; a test keeps it current.",
        pt="Esta página é feita a partir do código por `python -m afinar.cli.reference`; um teste a mantém em dia.",
    ),
    "reference_settings": Text(en="Settings", pt="Configuração"),
    "reference_precedence": Text(
        en="`afinar train` and `afinar config show` take every field of a config as a flag, `--training.seed 1`; an "
        "environment variable, `AFINAR__TRAINING__SEED=1`; or a line of the config file. Flags win over the environment, the "
        "environment over the file, the file over the defaults. Where a stronger source names another method, the fields of "
        "the earlier method are dropped with it. Paths are relative to the working directory, wherever they are written.",
        pt="`afinar train` e `afinar config show` aceitam cada campo da configuração como flag, `--training.seed 1`; como "
        "variável de ambiente, `AFINAR__TRAINING__SEED=1`; ou como linha do arquivo. Flags têm precedência sobre o ambiente, "
        "o ambiente sobre o arquivo e o arquivo sobre os padrões. Quando uma fonte mais forte indica outro método, os campos "
        "do método anterior são descartados com ele. Os caminhos são relativos à pasta atual, onde quer que estejam escritos.",
    ),
    "reference_exit_codes": Text(en="Exit codes", pt="Códigos de saída"),
    "reference_default": Text(en="default", pt="padrão"),
    "reference_meaning": Text(en="meaning", pt="significado"),
    "exit_0": Text(en="done", pt="feito"),
    "exit_1": Text(
        en="crash: a defect of afinar; AFINAR_DEBUG=1 shows the traceback",
        pt="falha: um defeito do afinar; AFINAR_DEBUG=1 mostra o traceback",
    ),
    "exit_2": Text(
        en="wrong config, data or model; or refused, because something would be lost",
        pt="configuração, dados ou modelo errados; ou recusado, porque algo se perderia",
    ),
    "exit_3": Text(en="a gate of an audit failed", pt="um limite de uma auditoria foi violado"),
    "exit_4": Text(
        en="audit --strict: an error, or a gate that is inconclusive",
        pt="audit --strict: um erro, ou um limite inconclusivo",
    ),
    "exit_5": Text(en="audit: no case could be put to the model", pt="audit: nenhum caso pôde ser aplicado ao modelo"),
    "exit_6": Text(en="no space, no memory, or no such device", pt="sem espaço, sem memória ou sem o dispositivo"),
    "exit_7": Text(en="stopped at a non-finite loss", pt="parado por uma perda não finita"),
    "exit_130": Text(en="interrupted (Ctrl-C)", pt="interrompido (Ctrl-C)"),
    "exit_143": Text(
        en="terminated; a training run has a checkpoint to resume from",
        pt="encerrado; uma execução de treino tem um checkpoint para continuar",
    ),
}

_ERRORS = {
    "unknown_command": Text(
        en="There is no command {got!r}.",
        pt="Não existe o comando {got!r}.",
        hint_en="There are: {known}.",
        hint_pt="Existem: {known}.",
    ),
    "unknown_command_near": Text(
        en="There is no command {got!r}.",
        pt="Não existe o comando {got!r}.",
        hint_en="Did you mean: afinar {near}",
        hint_pt="Você quis dizer: afinar {near}",
    ),
    "unknown_option": Text(
        en="afinar {command} has no option {got}.",
        pt="afinar {command} não tem a opção {got}.",
        hint_en="See: afinar {command} --help. A text that begins with a hyphen goes after -- by itself.",
        hint_pt="Veja: afinar {command} --help. Um texto que começa com hífen vai depois de um -- sozinho.",
    ),
    "unknown_option_near": Text(
        en="There is no option {got}.",
        pt="Não existe a opção {got}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "unexpected": Text(
        en="afinar {command} has no use for: {got}",
        pt="afinar {command} não tem uso para: {got}",
        hint_en="Put a text with spaces in quotes. See: afinar {command} --help",
        hint_pt="Ponha um texto com espaços entre aspas. Veja: afinar {command} --help",
    ),
    "repeated": Text(
        en="{option} is given twice.",
        pt="{option} aparece duas vezes.",
        hint_en="Keep one. See: afinar {command} --help",
        hint_pt="Mantenha uma. Veja: afinar {command} --help",
    ),
    "missing_option": Text(
        en="afinar {command} needs a value for {name}.",
        pt="afinar {command} precisa de um valor para {name}.",
        hint_en="See: afinar {command} --help",
        hint_pt="Veja: afinar {command} --help",
    ),
    "missing_argument": Text(
        en="afinar {command} needs {name}.",
        pt="afinar {command} precisa de {name}.",
        hint_en="See: afinar {command} --help",
        hint_pt="Veja: afinar {command} --help",
    ),
    "bad_value": Text(
        en="{option}={got!r}; expected {expected}.",
        pt="{option}={got!r}; esperado {expected}.",
        hint_en="See: afinar {command} --help",
        hint_pt="Veja: afinar {command} --help",
    ),
    "usage": Text(
        en="afinar {command}: {problem}",
        pt="afinar {command}: {problem}",
        hint_en="See: afinar {command} --help",
        hint_pt="Veja: afinar {command} --help",
    ),
    "crash": Text(
        en="Unexpected {type}: {problem}",
        pt="{type} inesperado: {problem}",
        hint_en="This is a defect of afinar. Run again with AFINAR_DEBUG=1 for the traceback, and report it with the command.",
        hint_pt="Isto é um defeito do afinar. Rode de novo com AFINAR_DEBUG=1 para ver o traceback e relate-o com o comando.",
    ),
    "no_memory": Text(
        en="Out of memory: {problem}",
        pt="Memória insuficiente: {problem}",
        hint_en="Lower --training.micro_batch_size or --data.max_length; the result does not depend on the former.",
        hint_pt="Diminua --training.micro_batch_size ou --data.max_length; o resultado não depende do primeiro.",
    ),
    "no_space": Text(
        en="No space left on the disk of {path}.",
        pt="Não há espaço no disco de {path}.",
        hint_en="Free some, or set --output to a folder on another disk.",
        hint_pt="Libere espaço ou aponte --output para uma pasta em outro disco.",
    ),
    "system": Text(
        en="{path}: {problem}.",
        pt="{path}: {problem}.",
        hint_en="Check that the path is right and that you may write there.",
        hint_pt="Confira se o caminho está certo e se você pode escrever nele.",
    ),
    "interrupted": Text(
        en="Interrupted.",
        pt="Interrompido.",
        hint_en="A training run continues from its newest checkpoint with: afinar train CONFIG --resume",
        hint_pt="Um treino continua do checkpoint mais novo com: afinar train CONFIG --resume",
    ),
    "terminated": Text(
        en="Terminated.",
        pt="Encerrado.",
        hint_en="A training run continues from its newest checkpoint with: afinar train CONFIG --resume",
        hint_pt="Um treino continua do checkpoint mais novo com: afinar train CONFIG --resume",
    ),
    "not_empty": Text(
        en="{path} is not empty.",
        pt="{path} não está vazia.",
        hint_en="Give a new or empty folder; nothing is overwritten.",
        hint_pt="Dê uma pasta nova ou vazia; nada é sobrescrito.",
    ),
    "not_generative": Text(
        en="{model} is a classifier: it gives labels and writes no text.",
        pt="{model} é um classificador: dá rótulos e não escreve texto.",
        hint_en="Measure it with: afinar evaluate {model} --data FILE",
        hint_pt="Meça-o com: afinar evaluate {model} --data ARQUIVO",
    ),
    "empty_prompt": Text(
        en="The prompt is empty.",
        pt="O prompt está vazio.",
        hint_en="Write what to answer or continue, in quotes, or pipe it in.",
        hint_pt="Escreva o que responder ou continuar, entre aspas, ou envie pela entrada padrão.",
    ),
    "unknown_technique": Text(
        en="There is no explanation of {got!r}.",
        pt="Não há explicação de {got!r}.",
        hint_en="There are: {known}.",
        hint_pt="Existem: {known}.",
    ),
    "unknown_technique_near": Text(
        en="There is no explanation of {got!r}.",
        pt="Não há explicação de {got!r}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
}

_RESULTS = {
    "not_measured": Text(
        en="Not measured: there were no held-out rows (data.valid, data.valid_fraction).",
        pt="Sem medida: não havia linhas de validação (data.valid, data.valid_fraction).",
    ),
    "trained": Text(
        en="{method} · {task} · {trainable} of {total} parameters trained · {steps} steps in {time} · {speed} tokens/s",
        pt="{method} · {task} · {trainable} de {total} parâmetros treinados · {steps} passos em {time} · {speed} tokens/s",
    ),
    "run_folder": Text(en="Run folder: {folder}", pt="Pasta da execução: {folder}"),
    "next": Text(en="Next:", pt="A seguir:"),
    "next_generate": Text(en='afinar generate {folder} "..."', pt='afinar generate {folder} "..."'),
    "next_chat": Text(en="afinar chat {folder}", pt="afinar chat {folder}"),
    "next_evaluate": Text(en="afinar evaluate {folder} --data FILE", pt="afinar evaluate {folder} --data ARQUIVO"),
    "next_audit": Text(
        en="afinar audit afinar/forgetting --model {folder}", pt="afinar audit afinar/esquecimento --model {folder}"
    ),
    "merged": Text(
        en="Merged model written to {directory}. It loads with transformers alone.",
        pt="Modelo gravado em {directory}. Ele abre só com o transformers.",
    ),
    "techniques": Text(en="Techniques: {names}", pt="Técnicas: {names}"),
    "techniques_next": Text(en="Read about one with: afinar explain {name}", pt="Leia sobre uma com: afinar explain {name}"),
    "origin_setting": Text(en="setting", pt="opção"),
    "origin_value": Text(en="value", pt="valor"),
    "origin_place": Text(en="from", pt="origem"),
    "base_side": Text(en="base", pt="base"),
    "adapted_side": Text(en="adapted", pt="adaptado"),
    "base_beside": Text(
        en="Full fine-tuning overwrote the base; {name} is loaded beside it and takes its memory too.",
        pt="O ajuste fino completo sobrescreveu a base; {name} é carregado ao lado e ocupa também a memória dele.",
    ),
    "chat_welcome": Text(
        en="{model}. /exit leaves, /clear forgets the conversation.",
        pt="{model}. /sair termina, /limpar esquece a conversa.",
    ),
    "chat_you": Text(en="you> ", pt="você> "),
    "chat_cleared": Text(en="Conversation forgotten.", pt="Conversa esquecida."),
    "chat_stopped": Text(en="(answer stopped)", pt="(resposta interrompida)"),
    "chat_shortened": Text(
        en="(the oldest turns were dropped: the conversation is longer than the model can read)",
        pt="(os turnos mais antigos foram deixados de lado: a conversa é maior do que o modelo consegue ler)",
    ),
    "chat_unknown": Text(
        en="There is no command {got}. There are: /exit, /clear.",
        pt="Não existe o comando {got}. Existem: /sair, /limpar.",
    ),
}

TEXTS = {**_COMMANDS, **_HELP, **_ERRORS, **_RESULTS}

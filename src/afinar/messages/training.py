"""Texts of training: the trainer, its checkpoints, its progress."""

from afinar.messages import Text

TEXTS = {
    "applies_to_nothing": Text(
        en="{field}={got} applies to nothing: what trains in this model is {trained}.",
        pt="{field}={got} não se aplica a nada: o que treina neste modelo é {trained}.",
        hint_en="Leave it out, or let the part train that it is meant for.",
        hint_pt="Retire a opção ou faça treinar a parte a que ela se destina.",
    ),
    "auto_batch_size": Text(
        en="auto_find_batch_size=True is not supported: it would change the examples of an optimizer step while training.",
        pt="auto_find_batch_size=True não é suportado: ele mudaria os exemplos de um passo do otimizador durante o treino.",
        hint_en="Set per_device_train_batch_size to what fits and examples_per_step to the batch you want; the result depends "
        "on the latter only.",
        hint_pt="Defina per_device_train_batch_size com o que cabe e examples_per_step com o lote desejado; o resultado só "
        "depende deste.",
    ),
    "bad_pattern": Text(
        en="no_decay has {got!r}, which is not a regular expression: {detail}.",
        pt="no_decay tem {got!r}, que não é uma expressão regular: {detail}.",
        hint_en="Use bias, norm, embedding, or a regular expression over parameter names.",
        hint_pt="Use bias, norm, embedding ou uma expressão regular sobre nomes de parâmetros.",
    ),
    "batch_eval_metrics": Text(
        en="batch_eval_metrics=True is not supported.",
        pt="batch_eval_metrics=True não é suportado.",
        hint_en="Loss, perplexity and accuracy never hold logits; for your own metric, reduce them with "
        "preprocess_logits_for_metrics.",
        hint_pt="Perda, perplexidade e acurácia nunca guardam logits; para sua própria métrica, reduza-os com "
        "preprocess_logits_for_metrics.",
    ),
    "batch_size_ranks": Text(
        en="training.batch_size={got} cannot be shared evenly by {ranks} processes.",
        pt="training.batch_size={got} não se divide igualmente entre {ranks} processos.",
        hint_en="Use a multiple of {ranks}.",
        hint_pt="Use um múltiplo de {ranks}.",
    ),
    "checkpoint_broken": Text(
        en="{path} cannot be read: {detail}.",
        pt="Não foi possível ler {path}: {detail}.",
        hint_en="Resume from an older checkpoint, or delete this one.",
        hint_pt="Retome de um checkpoint mais antigo ou apague este.",
    ),
    "checkpoint_incomplete": Text(
        en="The checkpoint {path} has no {file}: it was not written whole, or not by afinar.",
        pt="O checkpoint {path} não tem {file}: não foi gravado por inteiro, ou não foi gravado pelo afinar.",
        hint_en="Resume from an older checkpoint, or delete this one.",
        hint_pt="Retome de um checkpoint mais antigo ou apague este.",
    ),
    "coarse_weights": Text(
        en="Weights that train are in {dtype}: steps smaller than its rounding are lost. Load the model with "
        'dtype="float32", or pass method=afinar.Full(), which keeps float32 master values.',
        pt="Há pesos treinados em {dtype}: passos menores que seu arredondamento se perdem. Carregue o modelo com "
        'dtype="float32" ou passe method=afinar.Full(), que guarda valores mestres em float32.',
    ),
    "deepspeed": Text(
        en="SFTTrainer does not run under DeepSpeed, which gathers weights, losses and checkpoints in its own way.",
        pt="O SFTTrainer não roda sob o DeepSpeed, que junta pesos, perdas e checkpoints de outra forma.",
        hint_en='Share the model by FSDP2 instead: fsdp=True, fsdp_config={{"version": 2}}; see docs/en/distributed.md.',
        hint_pt='Divida o modelo com FSDP2: fsdp=True, fsdp_config={{"version": 2}}; veja docs/pt/distributed.md.',
    ),
    "eos_masked": Text(
        en="This data_collator masks every {token} as if it were padding (the pad token is the EOS token), so the model "
        "will not learn to stop. Leave data_collator out, or give the tokenizer a pad token of its own.",
        pt="Este data_collator mascara todo {token} como se fosse preenchimento (o token de preenchimento é o EOS), e o "
        "modelo não aprenderá a parar. Omita data_collator ou dê ao tokenizador um token de preenchimento próprio.",
    ),
    "evaluation": Text(en="evaluation", pt="avaliação"),
    "generation_classification": Text(
        en="predict_with_generate=True: this model is a classifier; it gives labels and generates no text.",
        pt="predict_with_generate=True: este modelo é um classificador; ele dá rótulos e não gera texto.",
        hint_en="Leave predict_with_generate false, or load a causal language model.",
        hint_pt="Deixe predict_with_generate como false ou carregue um modelo de linguagem causal.",
    ),
    "generation_tokenizer": Text(
        en="Generating during evaluation needs a tokenizer: it says how prompts are filled up to a common length and where an "
        "answer ends.",
        pt="Gerar durante a avaliação exige um tokenizador: ele diz como completar os prompts até um tamanho comum e onde "
        "uma resposta termina.",
        hint_en="Pass processing_class=tokenizer to SFTTrainer.",
        hint_pt="Passe processing_class=tokenizer ao SFTTrainer.",
    ),
    "generation_twice": Text(
        en="{field}={got}, but gen_kwargs has {name}={other}.",
        pt="{field}={got}, mas gen_kwargs tem {name}={other}.",
        hint_en="Set it in one of the two.",
        hint_pt="Defina-o em só um dos dois.",
    ),
    "fsdp_one_process": Text(
        en="fsdp=True with one process: there is nobody to share the model with.",
        pt="fsdp=True com um só processo: não há com quem dividir o modelo.",
        hint_en="Start several with torchrun --nproc-per-node N script.py, or leave fsdp out.",
        hint_pt="Inicie vários com torchrun --nproc-per-node N script.py, ou retire fsdp.",
    ),
    "fsdp_optimizer": Text(
        en="optim={got} does not work on a model that FSDP shares among processes.",
        pt="optim={got} não funciona com um modelo que o FSDP divide entre processos.",
        hint_en="Use one of {allowed}, or leave fsdp out: plain data parallelism works with every optimizer.",
        hint_pt="Use um destes: {allowed}; ou retire fsdp: o paralelismo de dados simples funciona com todo otimizador.",
    ),
    "fsdp_version": Text(
        en="FSDP version {got} is not supported; SFTTrainer works with version 2, which transformers recommends too.",
        pt="A versão {got} do FSDP não é suportada; o SFTTrainer usa a versão 2, que o transformers também recomenda.",
        hint_en='Set fsdp_config={{"version": 2}} (with accelerate launch: --fsdp_version 2).',
        hint_pt='Defina fsdp_config={{"version": 2}} (com accelerate launch: --fsdp_version 2).',
    ),
    "given_restore": Text(
        en="{path} was trained without a method, so there is no adapter to restore.",
        pt="{path} foi treinado sem método; não há adaptador a restaurar.",
        hint_en="Load it as a model of its own.",
        hint_pt="Carregue-o como um modelo próprio.",
    ),
    "group": Text(
        en="  {name}: {values} values, learning rate {rate}, weight decay {decay}",
        pt="  {name}: {values} valores, taxa de aprendizado {rate}, decaimento de pesos {decay}",
    ),
    "metric_rows": Text(
        en="preprocess_logits_for_metrics returned an array of shape {got} for a batch of {rows} rows.",
        pt="preprocess_logits_for_metrics devolveu um array de forma {got} para um lote de {rows} linhas.",
        hint_en="Its first dimension must be the rows of the batch, as that of the logits.",
        hint_pt="A primeira dimensão deve ser a das linhas do lote, como nos logits.",
    ),
    "model_setting": Text(
        en="model_init_kwargs has the unknown setting {got}{near}.",
        pt="model_init_kwargs tem a opção desconhecida {got}{near}.",
        hint_en="Allowed: {allowed}. Load the model yourself for anything else, and pass the object.",
        hint_pt="Permitidas: {allowed}. Para o resto, carregue o modelo você mesmo e passe o objeto.",
    ),
    "no_auto_rate": Text(
        en="training.learning_rate=auto has no value for the method {method}; it has one for {known}.",
        pt="training.learning_rate=auto não tem valor para o método {method}; tem para {known}.",
        hint_en="Set training.learning_rate to a number.",
        hint_pt="Defina training.learning_rate com um número.",
    ),
    "no_logits": Text(
        en="default_compute_metrics was given arrays of shapes {got} (predictions, labels); it needs logits with one "
        "dimension more than the labels.",
        pt="default_compute_metrics recebeu arrays de formas {got} (predições, rótulos); precisa de logits com uma "
        "dimensão a mais que os rótulos.",
        hint_en="Call it before reducing the logits, or use SFTTrainer, which measures these metrics from token losses.",
        hint_pt="Chame-a antes de reduzir os logits, ou use SFTTrainer, que mede essas métricas a partir das perdas por "
        "token.",
    ),
    "no_prompt": Text(
        en="Row {row} has no prompt to generate from: every token of it is learned, from the first one on.",
        pt="A linha {row} não tem prompt a partir do qual gerar: todos os seus tokens são aprendidos, desde o primeiro.",
        hint_en="Give conversations, or prompt and completion; for running text set predict_with_generate to false.",
        hint_pt="Use conversas, ou prompt e completion; com texto corrido, deixe predict_with_generate como false.",
    ),
    "non_finite_loss": Text(
        en="The loss became {got} at step {step}; training stopped and the last checkpoint is untouched.",
        pt="A perda virou {got} no passo {step}; o treino parou e o último checkpoint está intacto.",
        hint_en="Lower training.learning_rate, raise training.warmup_ratio, or look for broken rows in the data.",
        hint_pt="Diminua training.learning_rate, aumente training.warmup_ratio ou procure linhas quebradas nos dados.",
    ),
    "not_arguments": Text(
        en="args is of type {got}.",
        pt="args é do tipo {got}.",
        hint_en="Pass an afinar.SFTConfig or transformers.TrainingArguments, or leave it out.",
        hint_pt="Passe um afinar.SFTConfig ou transformers.TrainingArguments, ou omita.",
    ),
    "nothing_trains": Text(
        en="Nothing in this {model} trains: no parameter has requires_grad.",
        pt="Nada neste {model} treina: nenhum parâmetro tem requires_grad.",
        hint_en="Pass a method, such as method=afinar.LoRA(r=8), or call model.requires_grad_(True).",
        hint_pt="Passe um método, como method=afinar.LoRA(r=8), ou chame model.requires_grad_(True).",
    ),
    "one_gpu": Text(
        en="{got} GPUs are visible to one process; only the first is used. Start the script with torchrun "
        "--nproc-per-node {got} to use them all.",
        pt="{got} GPUs estão visíveis para um processo; só a primeira será usada. Inicie o script com torchrun "
        "--nproc-per-node {got} para usar todas.",
    ),
    "optimizer_changed": Text(
        en="The checkpoint {path} holds optimizer states for other parameters (by group: {expected}) than train here ({got}).",
        pt="O checkpoint {path} guarda estados de outros parâmetros (por grupo: {expected}) que os treinados aqui ({got}).",
        hint_en="Resume with the method and optimizer settings that the checkpoint was trained with.",
        hint_pt="Retome com as configurações de método e de otimizador com que o checkpoint foi treinado.",
    ),
    "optimizer_in_backward": Text(
        en="optim={got} updates each weight within the backward pass, so a step cannot be made of several micro-batches.",
        pt="optim={got} atualiza cada peso durante a retropropagação; um passo não pode ter vários micro-lotes.",
        hint_en="Set gradient_accumulation_steps to 1 and leave examples_per_step out, or choose another optimizer.",
        hint_pt="Use gradient_accumulation_steps igual a 1 sem examples_per_step, ou escolha outro otimizador.",
    ),
    "optimizer_package": Text(
        en="optim={got} needs a package that is not installed.",
        pt="optim={got} precisa de um pacote que não está instalado.",
        hint_en="Run: pip install {package}",
        hint_pt="Execute: pip install {package}",
    ),
    "optimizer_state_object": Text(
        en="The optimizer's state has a {got} at {place}, which a checkpoint of tensors and numbers cannot hold.",
        pt="O estado do otimizador tem um {got} em {place}, que não cabe em um checkpoint de tensores e números.",
        hint_en="Set save_only_model=True or save_strategy='no', or choose another optimizer.",
        hint_pt="Use save_only_model=True ou save_strategy='no', ou escolha outro otimizador.",
    ),
    "optimizer_state_unwritable": Text(
        en="The state of optim={got} cannot be written to a checkpoint, so a run could not be resumed exactly.",
        pt="O estado de optim={got} não pode ser gravado em um checkpoint; não seria possível retomar o treino com exatidão.",
        hint_en="Set save_only_model=True or save_strategy='no', or choose another optimizer.",
        hint_pt="Use save_only_model=True ou save_strategy='no', ou escolha outro otimizador.",
    ),
    "optimizer_without_groups": Text(
        en="{field}={got} cannot apply: {optimizer} takes the whole model and knows no parameter groups.",
        pt="{field}={got} não pode ser aplicado: {optimizer} recebe o modelo inteiro e não conhece grupos de parâmetros.",
        hint_en="Leave it out, or choose another optimizer.",
        hint_pt="Retire a opção ou escolha outro otimizador.",
    ),
    "paged_without_gpu": Text(
        en="training.optimizer={got} moves its state between GPU and host memory, and this run is on {device}.",
        pt="training.optimizer={got} move seu estado entre a memória da GPU e a principal, e este treino roda em {device}.",
        hint_en="Use adamw_8bit, which keeps the same state in 8 bits.",
        hint_pt="Use adamw_8bit, que guarda o mesmo estado em 8 bits.",
    ),
    "pattern_matches_nothing": Text(
        en="no_decay has {got!r}, which matches no parameter that trains; one is called {example}.",
        pt="no_decay tem {got!r}, que não corresponde a nenhum parâmetro que treina; um deles se chama {example}.",
        hint_en="Use bias, norm, embedding, or a regular expression over parameter names.",
        hint_pt="Use bias, norm, embedding ou uma expressão regular sobre nomes de parâmetros.",
    ),
    "prompts_without_room": Text(
        en="{n} of {total} prompts (the first is row {row}) leave no room for an answer; their answers are empty. Shorten "
        "them, or raise generation_max_length where that is what limits them.",
        pt="{n} de {total} prompts (o primeiro é a linha {row}) não deixam espaço para resposta; suas respostas estão "
        "vazias. Encurte-os ou aumente generation_max_length, se for ele que limita.",
    ),
    "sample_prediction": Text(en="Answer", pt="Resposta"),
    "sample_prompt": Text(en="Prompt", pt="Prompt"),
    "sample_reference": Text(en="Reference", pt="Referência"),
    "samples_title": Text(
        en="{name}, step {step}: {n} of {total} generated answers",
        pt="{name}, passo {step}: {n} de {total} respostas geradas",
    ),
    "schedule_free_warmup": Text(
        en="warmup_steps={got} is a share of the steps, and schedule-free optimizers take a number of steps.",
        pt="warmup_steps={got} é uma parte dos passos, e os otimizadores sem agenda recebem um número de passos.",
        hint_en="Set warmup_steps to a whole number.",
        hint_pt="Defina warmup_steps com um número inteiro.",
    ),
    "step": Text(en="step {step}", pt="passo {step}"),
    "stream_needs_steps": Text(
        en="A streamed train_dataset has no length, so the number of optimizer steps must be said: max_steps is {got}.",
        pt="Um train_dataset em fluxo não tem tamanho; é preciso dizer o número de passos do otimizador: max_steps é {got}.",
        hint_en="Set max_steps; the stream starts again where it ends.",
        hint_pt="Defina max_steps; o fluxo recomeça quando termina.",
    ),
    "tied_head": Text(
        en="head_learning_rate={got} applies to nothing: in this model the LM head is the embeddings' own weight.",
        pt="head_learning_rate={got} não se aplica a nada: aqui a LM head é o próprio peso dos embeddings.",
        hint_en="Set embedding_learning_rate instead.",
        hint_pt="Defina embedding_learning_rate em seu lugar.",
    ),
    "trained": Text(en="{steps} steps in {time} · mean loss {loss}", pt="{steps} passos em {time} · perda média {loss}"),
    "two_methods": Text(
        en="Both method and peft_config are given.",
        pt="method e peft_config foram dados ao mesmo tempo.",
        hint_en="Pass one of them.",
        hint_pt="Passe só um deles.",
    ),
    "two_tokenizers": Text(
        en="processing_class and tokenizer are two different objects.",
        pt="processing_class e tokenizer são dois objetos diferentes.",
        hint_en="Pass one of them.",
        hint_pt="Passe só um deles.",
    ),
    "blocks_length": Text(
        en="packing='blocks' needs a length, and max_length is None.",
        pt="packing='blocks' precisa de um tamanho, e max_length é None.",
        hint_en="Set max_length, such as 1024.",
        hint_pt="Defina max_length, por exemplo 1024.",
    ),
    "blocks_tokenised": Text(
        en="packing='blocks' joins running text; these rows are tokenised already (input_ids).",
        pt="packing='blocks' junta texto corrido; estas linhas já estão tokenizadas (input_ids).",
        hint_en="Leave packing out, or hand over the texts.",
        hint_pt="Omita packing, ou entregue os textos.",
    ),
    "classes": Text(
        en="The data have {got} classes ({found}), the model {expected} ({known}).",
        pt="Os dados têm {got} classes ({found}); o modelo, {expected} ({known}).",
        hint_en="Load the model with num_labels and id2label of the data, or correct the labels.",
        hint_pt="Carregue o modelo com num_labels e id2label dos dados, ou corrija os rótulos.",
    ),
    "collator_weights": Text(
        en="The rows have weights, which {collator} would lose.",
        pt="As linhas têm pesos, que {collator} perderia.",
        hint_en="Leave data_collator out, or remove the column weight.",
        hint_pt="Omita data_collator, ou remova a coluna weight.",
    ),
    "collator_keys": Text(
        en="data_collator makes no {missing}; its batches hold {got}.",
        pt="data_collator não produz {missing}; seus lotes têm {got}.",
        hint_en="Return input_ids and attention_mask, and labels where not every token is learned.",
        hint_pt="Devolva input_ids e attention_mask, e labels onde nem todo token é aprendido.",
    ),
    "dataset_dict": Text(
        en="{field} is a {got} with the parts {names}; expected one data set.",
        pt="{field} é um {got} com as partes {names}; esperado um só conjunto de dados.",
        hint_en="Choose one of them: {field}=dataset['name'].",
        hint_pt="Escolha uma delas: {field}=dataset['nome'].",
    ),
    "formatting_func": Text(
        en="formatting_func returned a {got}; expected the text of one row, a str.",
        pt="formatting_func devolveu um {got}; esperado o texto de uma linha, um str.",
        hint_en="It is called with one row at a time, not with a batch.",
        hint_pt="Ela é chamada com uma linha por vez, não com um lote.",
    ),
    "formatting_tokenised": Text(
        en="formatting_func makes text of rows, but {field} is tokenised already (input_ids).",
        pt="formatting_func faz texto das linhas, mas {field} já está tokenizado (input_ids).",
        hint_en="Leave formatting_func out, or hand over the rows before they were tokenised.",
        hint_pt="Omita formatting_func, ou entregue as linhas antes de serem tokenizadas.",
    ),
    "rows_cut": Text(
        en="Of {rows} rows, {cut} are longer than max_length={max_length} tokens and were cut; {dropped} of them were left "
        "out, as nothing to learn was left. Raise max_length to keep them.",
        pt="De {rows} linhas, {cut} passam de max_length={max_length} tokens e foram cortadas; {dropped} delas foram "
        "deixadas de fora, pois nada restou a aprender. Aumente max_length para mantê-las.",
    ),
    "rows_without_tokenizer": Text(
        en="These rows are text, and there is no tokenizer to read them with.",
        pt="Estas linhas são texto, e não há tokenizer para lê-las.",
        hint_en="Give processing_class=tokenizer, or rows with input_ids.",
        hint_pt="Informe processing_class=tokenizer, ou linhas com input_ids.",
    ),
    "stream_classes": Text(
        en="The classes of a stream cannot be told without reading it to its end.",
        pt="Não há como saber as classes de um fluxo de dados sem lê-lo até o fim.",
        hint_en="Give a model object with num_labels and id2label, or a stream whose column label is a ClassLabel.",
        hint_pt="Dê um modelo já carregado com num_labels e id2label, ou um fluxo cuja coluna label seja um ClassLabel.",
    ),
    "task_rows": Text(
        en="These examples were made for the task {rows}; the model is for {task}.",
        pt="Estes exemplos foram feitos para a tarefa {rows}; o modelo é de {task}.",
        hint_en="Prepare them with task={task!r}, or load the other kind of model.",
        hint_pt="Prepare-os com task={task!r}, ou carregue o outro tipo de modelo.",
    ),
    "weights_own_loss": Text(
        en="The rows have weights, which compute_loss_func is not given.",
        pt="As linhas têm pesos, que compute_loss_func não recebe.",
        hint_en="Leave out the weight column, or compute_loss_func.",
        hint_pt="Omita a coluna weight, ou compute_loss_func.",
    ),
}

"""Texts about finding and loading models and tokenizers."""

from afinar.messages import Text

TEXTS = {
    "folder_missing": Text(
        en="There is no folder {path}.",
        pt="Não existe a pasta {path}.",
        hint_en="Check the path, or give a hub name such as owner/model, or afinar-mini.",
        hint_pt="Confira o caminho, ou use um nome do hub, como dono/modelo, ou afinar-mini.",
    ),
    "not_a_folder": Text(
        en="{path} is a file; a model is a folder with config.json, a tokenizer and safetensors.",
        pt="{path} é um arquivo; um modelo é uma pasta com config.json, um tokenizador e safetensors.",
        hint_en="Give the folder that holds it.",
        hint_pt="Indique a pasta que o contém.",
    ),
    "embedded_missing": Text(
        en="This installation lacks the weights of afinar-mini; expected in {path}.",
        pt="Esta instalação não tem os pesos do afinar-mini; o lugar deles é {path}.",
        hint_en="Install afinar again, or name another model.",
        hint_pt="Reinstale o afinar ou indique outro modelo.",
    ),
    "bad_name": Text(
        en="{name!r} is neither a folder here nor a possible hub name.",
        pt="{name!r} não é uma pasta daqui nem um nome possível no hub.",
        hint_en="Hub names look like owner/model.",
        hint_pt="Nomes do hub são como dono/modelo.",
    ),
    "not_cached": Text(
        en="{name} ({revision}) is not a folder here and not in the hub cache, and this run is offline.",
        pt="{name} ({revision}) não é uma pasta daqui nem está no cache do hub, e esta execução é offline.",
        hint_en="Run once online to download it, or give a local folder; HF_HOME says where the cache is.",
        hint_pt="Execute uma vez on-line para baixá-lo ou indique uma pasta local; HF_HOME diz onde fica o cache.",
    ),
    "hub_unreachable": Text(
        en="{name} ({revision}) is not a folder here and not in the hub cache, and the hub does not answer.",
        pt="{name} ({revision}) não é uma pasta daqui nem está no cache do hub, e o hub não responde.",
        hint_en="Check the connection, or give a local folder.",
        hint_pt="Confira a conexão ou indique uma pasta local.",
    ),
    "not_on_hub": Text(
        en="{name} is neither a folder here nor a model on the hub that you can read.",
        pt="{name} não é uma pasta daqui nem um modelo do hub que você possa ler.",
        hint_en="Check the name; for a private model, log in first with: hf auth login",
        hint_pt="Confira o nome; para um modelo privado, entre antes com: hf auth login",
    ),
    "gated": Text(
        en="{name} asks you to accept its terms before you download it.",
        pt="{name} pede que você aceite os termos antes de baixá-lo.",
        hint_en="Accept them on the model's page on the hub, then log in with: hf auth login",
        hint_pt="Aceite-os na página do modelo no hub e depois entre com: hf auth login",
    ),
    "no_revision": Text(
        en="{name} has no branch, tag or commit {revision}.",
        pt="{name} não tem ramo, tag ou commit {revision}.",
        hint_en="Leave model.revision out to take the main branch.",
        hint_pt="Deixe model.revision de fora para usar o ramo principal.",
    ),
    "no_space": Text(
        en="The disk is full: {name} could not be downloaded.",
        pt="O disco está cheio: não foi possível baixar {name}.",
        hint_en="Free some space, or set HF_HOME to a folder on a larger disk.",
        hint_pt="Libere espaço ou defina HF_HOME como uma pasta em um disco maior.",
    ),
    "no_memory": Text(
        en="Not enough memory to load {name} on {device}.",
        pt="Não há memória suficiente para carregar {name} em {device}.",
        hint_en="Take a smaller model, model.dtype: bfloat16, or another device; close other programs.",
        hint_pt="Use um modelo menor, model.dtype: bfloat16 ou outro dispositivo; feche outros programas.",
    ),
    "device_name": Text(
        en="model.device={got!r} is not a device; expected auto, cpu, cuda, cuda:1 or mps.",
        pt="model.device={got!r} não é um dispositivo; esperado auto, cpu, cuda, cuda:1 ou mps.",
    ),
    "device_missing": Text(
        en="This machine has no {got}; it has: {available}.",
        pt="Esta máquina não tem {got}; ela tem: {available}.",
        hint_en="Use model.device: auto, or see what afinar doctor says.",
        hint_pt="Use model.device: auto ou veja o que diz afinar doctor.",
    ),
    "adapter_folder": Text(
        en="{path} holds an adapter, not a whole model.",
        pt="{path} contém um adaptador, não um modelo inteiro.",
        hint_en="Name its base model, or merge the adapter into it first: afinar merge RUN DIR",
        hint_pt="Indique o modelo base dele ou una antes os dois: afinar merge RUN PASTA",
    ),
    "no_config": Text(
        en="{path} has no config.json, so it is not a model of transformers.",
        pt="{path} não tem config.json, portanto não é um modelo do transformers.",
        hint_en="Give the folder that holds config.json, the tokenizer and the safetensors; adapters and GGUF files are not "
        "models by themselves.",
        hint_pt="Indique a pasta que contém config.json, o tokenizador e os safetensors; adaptadores e arquivos GGUF não são "
        "modelos por si sós.",
    ),
    "broken_json": Text(
        en="{path} is damaged: {reason}.",
        pt="{path} está danificado: {reason}.",
        hint_en="Copy or download it again.",
        hint_pt="Copie ou baixe o arquivo outra vez.",
    ),
    "no_model_type": Text(
        en="{path} names no model_type, so the architecture is not known.",
        pt="{path} não traz model_type, portanto a arquitetura não é conhecida.",
        hint_en="Take the config.json that came with the weights.",
        hint_pt="Use o config.json que veio com os pesos.",
    ),
    "unknown_architecture": Text(
        en="{path}: the installed transformers does not know the architecture {got}.",
        pt="{path}: o transformers instalado não conhece a arquitetura {got}.",
        hint_en="Upgrade it with: pip install --upgrade transformers",
        hint_pt="Atualize-o com: pip install --upgrade transformers",
    ),
    "bad_config": Text(
        en="{path} does not describe a model that can exist: {reason}",
        pt="{path} não descreve um modelo possível: {reason}",
        hint_en="Take the config.json that came with the weights.",
        hint_pt="Use o config.json que veio com os pesos.",
    ),
    "remote_code": Text(
        en="{path} needs Python code that comes with the model, and such code can do anything on this machine.",
        pt="{path} precisa de código Python que vem com o modelo, e esse código pode fazer qualquer coisa nesta máquina.",
        hint_en="Read that code; if you trust it, set model.trust_remote_code: true.",
        hint_pt="Leia esse código; se confiar nele, defina model.trust_remote_code: true.",
    ),
    "encoder_decoder": Text(
        en="{got} is an encoder-decoder; afinar trains decoders (Llama, Mistral, Qwen, Gemma, GPT-2, ...).",
        pt="{got} é um encoder-decoder; o afinar treina decoders (Llama, Mistral, Qwen, Gemma, GPT-2, ...).",
        hint_en="Choose a decoder-only model.",
        hint_pt="Escolha um modelo só com decoder.",
    ),
    "encoder": Text(
        en="{got} is an encoder, which cannot continue a text; afinar trains decoders (Llama, Mistral, Qwen, GPT-2, ...).",
        pt="{got} é um encoder, que não continua textos; o afinar treina decoders (Llama, Mistral, Qwen, GPT-2, ...).",
        hint_en="Choose a decoder-only model; it can classify too.",
        hint_pt="Escolha um modelo só com decoder; ele também classifica.",
    ),
    "not_causal": Text(
        en="transformers has no causal language model for the architecture {got}.",
        pt="O transformers não tem modelo de linguagem causal para a arquitetura {got}.",
        hint_en="Choose a decoder-only model such as Llama, Mistral, Qwen, Gemma or GPT-2.",
        hint_pt="Escolha um modelo só com decoder, como Llama, Mistral, Qwen, Gemma ou GPT-2.",
    ),
    "no_classification": Text(
        en="transformers has no sequence-classification model for the architecture {got}.",
        pt="O transformers não tem modelo de classificação de sequências para a arquitetura {got}.",
        hint_en="Choose another base for classification, such as Llama, Mistral, Qwen, Gemma or GPT-2.",
        hint_pt="Escolha outra base para classificação, como Llama, Mistral, Qwen, Gemma ou GPT-2.",
    ),
    "no_score_layer": Text(
        en="{architecture} has no layer named score, so afinar does not know its classification head.",
        pt="{architecture} não tem camada chamada score, portanto o afinar não conhece a sua cabeça de classificação.",
        hint_en="Choose another base for classification, such as Llama, Mistral, Qwen, Gemma or GPT-2.",
        hint_pt="Escolha outra base para classificação, como Llama, Mistral, Qwen, Gemma ou GPT-2.",
    ),
    "quantized": Text(
        en="The weights of this model are stored quantised as {got}, which adapters are not trained on here.",
        pt="Os pesos deste modelo estão gravados quantizados como {got}; aqui não se treinam adaptadores sobre esse formato.",
        hint_en="Take weights in 4 or 8 bits by bitsandbytes, or the original ones with model.quantize: nf4.",
        hint_pt="Use pesos em 4 ou 8 bits do bitsandbytes, ou os originais com model.quantize: nf4.",
    ),
    "pickle": Text(
        en="{path} has its weights only as pickle ({files}), which can run any code when it is opened.",
        pt="{path} só tem os pesos em pickle ({files}), formato que pode executar qualquer código ao ser aberto.",
        hint_en="Take a version in safetensors, or, if you trust its origin, convert it: model.save_pretrained writes them.",
        hint_pt="Use uma versão em safetensors ou, se confia na origem, converta-o: model.save_pretrained grava assim.",
    ),
    "no_weights": Text(
        en="{path} has no weights: neither model.safetensors nor model.safetensors.index.json.",
        pt="{path} não tem pesos: nem model.safetensors nem model.safetensors.index.json.",
        hint_en="Copy or download the model again.",
        hint_pt="Copie ou baixe o modelo outra vez.",
    ),
    "missing_shards": Text(
        en="{path} lacks {n} of the weight files that its index names: {files}.",
        pt="Em {path} faltam {n} dos arquivos de pesos que o índice cita: {files}.",
        hint_en="Copy or download the model again.",
        hint_pt="Copie ou baixe o modelo outra vez.",
    ),
    "broken_weights": Text(
        en="{path} is damaged or cut short: {reason}.",
        pt="{path} está danificado ou incompleto: {reason}.",
        hint_en="Copy or download it again.",
        hint_pt="Copie ou baixe o arquivo outra vez.",
    ),
    "cannot_load": Text(
        en="The model in {path} cannot be loaded: {reason}",
        pt="Não foi possível carregar o modelo em {path}: {reason}",
        hint_en="Check that config.json and the weights belong together, and that model.attention is installed here.",
        hint_pt="Confira se config.json e os pesos são do mesmo modelo e se model.attention está instalada aqui.",
    ),
    "missing_weights": Text(
        en="{path} lacks {n} weights that config.json asks for: {keys}.",
        pt="Em {path} faltam {n} pesos que config.json pede: {keys}.",
        hint_en="They would be random. Check that config.json and the weights belong together.",
        hint_pt="Eles seriam aleatórios. Confira se config.json e os pesos são do mesmo modelo.",
    ),
    "mismatched_weights": Text(
        en="In {path}, {n} weights have another shape than config.json says: {keys}.",
        pt="Em {path}, {n} pesos têm forma diferente da que config.json diz: {keys}.",
        hint_en="Check that config.json and the weights belong together.",
        hint_pt="Confira se config.json e os pesos são do mesmo modelo.",
    ),
    "no_labels": Text(
        en="{path} was not saved as a classifier, so its classes are not known.",
        pt="{path} não foi salvo como classificador, portanto não se conhecem as classes dele.",
        hint_en="Give data with a text and a label column, or a model trained on them.",
        hint_pt="Use dados com colunas text e label, ou um modelo treinado com eles.",
    ),
    "one_label": Text(
        en="A classifier needs at least two labels; got only {got!r}.",
        pt="Um classificador precisa de pelo menos dois rótulos; só há {got!r}.",
    ),
    "labels_differ": Text(
        en="The classifier in {path} knows the labels {trained}; the data has {got}.",
        pt="O classificador em {path} conhece os rótulos {trained}; os dados têm {got}.",
        hint_en="Rename the labels in the data, or start from a base model that was not trained as a classifier.",
        hint_pt="Renomeie os rótulos dos dados ou comece de um modelo base que não foi treinado como classificador.",
    ),
    "no_tokenizer": Text(
        en="{path} has no tokenizer (tokenizer.json, tokenizer.model, vocab.json, ...).",
        pt="{path} não tem tokenizador (tokenizer.json, tokenizer.model, vocab.json, ...).",
        hint_en="Copy the tokenizer's files from the model's origin into that folder.",
        hint_pt="Copie para essa pasta os arquivos do tokenizador que vêm com o modelo.",
    ),
    "broken_tokenizer": Text(
        en="The tokenizer in {path} cannot be read: {reason}",
        pt="Não foi possível ler o tokenizador em {path}: {reason}",
        hint_en="Copy or download its files again.",
        hint_pt="Copie ou baixe os arquivos dele outra vez.",
    ),
    "no_eos": Text(
        en="The tokenizer in {path} has no end-of-text token (eos_token), so a model could not learn to stop.",
        pt="O tokenizador em {path} não tem token de fim de texto (eos_token), e o modelo não teria como aprender a parar.",
        hint_en="Set eos_token in its tokenizer_config.json to the token that ends a text.",
        hint_pt="Defina eos_token em tokenizer_config.json como o token que encerra um texto.",
    ),
    "vocabulary": Text(
        en="The tokenizer has {tokens} tokens, but the model has embeddings for {rows}.",
        pt="O tokenizador tem {tokens} tokens, mas o modelo só tem embeddings para {rows}.",
        hint_en="Take the tokenizer that came with the model.",
        hint_pt="Use o tokenizador que veio com o modelo.",
    ),
    "no_lm_head": Text(
        en="{got} holds no causal language model: no model of transformers with an LM head.",
        pt="{got} não contém um modelo de linguagem causal: nenhum modelo do transformers com LM head.",
        hint_en="Load it with AutoModelForCausalLM, or use task: classification for a classifier.",
        hint_pt="Carregue-o com AutoModelForCausalLM ou use task: classification para um classificador.",
    ),
    "router_loss": Text(
        en="config.output_router_logits is on, but the router's loss of {got} cannot be had from its forward.",
        pt="config.output_router_logits está ligado, mas não há como obter do forward de {got} a perda do roteador.",
        hint_en="Train without it: model.config.output_router_logits = False.",
        hint_pt="Treine sem ela: model.config.output_router_logits = False.",
    ),
    "no_own_loss": Text(
        en="afinar cannot compute the loss inside {got}, and its forward has no argument named labels to compute its own.",
        pt="O afinar não consegue calcular a perda dentro de {got}, e o forward dele não tem o argumento labels para "
        "calcular a própria.",
        hint_en="Load a decoder with AutoModelForCausalLM or AutoModelForSequenceClassification, or write a forward that "
        "takes labels and returns a mean loss.",
        hint_pt="Carregue um decoder com AutoModelForCausalLM ou AutoModelForSequenceClassification, ou escreva um forward "
        "que receba labels e devolva uma perda média.",
    ),
    "own_loss_missing": Text(
        en="The forward of {got} was given labels and returned no loss.",
        pt="O forward de {got} recebeu labels e não devolveu nenhuma perda.",
        hint_en="Return an object or a dict with loss, or a tuple that begins with it; the loss is a mean, as one number.",
        hint_pt="Devolva um objeto ou dict com loss, ou uma tupla que comece por ela; a perda é uma média, em um só número.",
    ),
    "own_loss_options": Text(
        en="{got} computes its own loss, where afinar cannot apply {option}.",
        pt="{got} calcula a própria perda, em que o afinar não consegue aplicar {option}.",
        hint_en="Leave it out, or apply it in the model's own forward.",
        hint_pt="Deixe isso de fora ou aplique-o no forward do próprio modelo.",
    ),
    "problem_type": Text(
        en="The classifier's problem_type is {got}; afinar trains one label out of several (single_label_classification).",
        pt="O problem_type do classificador é {got}; o afinar treina um rótulo entre vários (single_label_classification).",
        hint_en="Load it with num_labels of at least 2, and leave problem_type out.",
        hint_pt="Carregue-o com num_labels de pelo menos 2 e deixe problem_type de fora.",
    ),
    "generation_setting": Text(
        en="{got} is not a setting of generation{near}; they are: {allowed}.",
        pt="{got} não é uma configuração de geração{near}; as que existem são: {allowed}.",
        hint_en="Settings that ask for several answers or other outputs do not apply: each prompt gets one answer.",
        hint_pt="Configurações que pedem várias respostas ou outras saídas não se aplicam: cada prompt tem uma resposta.",
    ),
    "not_sampling": Text(
        en="{field}={got} has no effect: it applies to sampling, and this generation takes the most likely tokens.",
        pt="{field}={got} não tem efeito: vale para amostragem, e esta geração usa os tokens mais prováveis.",
        hint_en="Set do_sample to true to sample, or to false to keep the setting unused.",
        hint_pt="Defina do_sample como true para amostrar ou como false para deixar a configuração sem uso.",
    ),
    "quantised_needs_adapter": Text(
        en="The model's weights are quantised ({got}) and have no gradient, so they cannot train themselves.",
        pt="Os pesos do modelo estão quantizados ({got}) e não têm gradiente; não podem ser treinados diretamente.",
        hint_en="Train an adapter beside them: SFTTrainer(..., method=afinar.LoRA(r=8)), or peft_config=LoraConfig(...).",
        hint_pt="Treine um adaptador ao lado deles: SFTTrainer(..., method=afinar.LoRA(r=8)), ou peft_config=LoraConfig(...).",
    ),
    "quantised_frozen": Text(
        en="Models quantised as {got} carry no gradient to what lies below them, so nothing can be trained on them.",
        pt="Modelos quantizados como {got} não levam gradiente ao que está abaixo deles; nada pode ser treinado sobre eles.",
        hint_en="Load the model in 4 or 8 bits by bitsandbytes (BitsAndBytesConfig), or unquantised.",
        hint_pt="Carregue o modelo em 4 ou 8 bits pelo bitsandbytes (BitsAndBytesConfig), ou sem quantização.",
    ),
}

"""Texts of the adaptation methods."""

from afinar.messages import Text

_MERGE_EN = "Load it with PEFT, merge it there (merge_and_unload), and use the merged model here."
_MERGE_PT = "Carregue-o com o PEFT, funda-o lá (merge_and_unload) e use aqui o modelo fundido."

TEXTS = {
    "rank": Text(
        en="method.r={got}; expected an integer >= 1.",
        pt="method.r={got}; esperado um inteiro >= 1.",
        hint_en="Use method.name: full to train all weights.",
        hint_pt="Use method.name: full para treinar todos os pesos.",
    ),
    "unknown": Text(
        en="method.name={got!r} is no known method; expected one of: {allowed}.",
        pt="method.name={got!r} não é um método conhecido; esperado um destes: {allowed}.",
    ),
    "unknown_near": Text(
        en="method.name={got!r} is no known method; expected one of: {allowed}.",
        pt="method.name={got!r} não é um método conhecido; esperado um destes: {allowed}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "not_a_config": Text(
        en="A {got} is not the config of a method; expected the config of one of: {allowed}.",
        pt="Um {got} não é a configuração de um método; esperada a configuração de um destes: {allowed}.",
        hint_en="For example: method=afinar.LoRA(r=8).",
        hint_pt="Por exemplo: method=afinar.LoRA(r=8).",
    ),
    "head_needs_classification": Text(
        en="method.name=head trains a classification head, and {got} has none.",
        pt="method.name=head treina uma cabeça de classificação, e {got} não tem nenhuma.",
        hint_en="Use data with text and label (model.task: classification), or method.name: lora or full.",
        hint_pt="Use dados com text e label (model.task: classification), ou method.name: lora ou full.",
    ),
    "no_target": Text(
        en="method.target_modules: no linear layer of this model is named {got!r}; it has: {candidates}.",
        pt="method.target_modules: nenhuma camada linear deste modelo se chama {got!r}; ele tem: {candidates}.",
        hint_en="Name layers by the end of their paths, or use auto or all-linear.",
        hint_pt="Indique as camadas pelo fim de seus caminhos, ou use auto ou all-linear.",
    ),
    "target_is_lm_head": Text(
        en="method.target_modules: {got!r} is the LM head, which takes no adapter; other layers: {candidates}.",
        pt="method.target_modules: {got!r} é a LM head, que não recebe adaptador; outras camadas: {candidates}.",
        hint_en="all-linear adapts every layer but the head; full trains the head too.",
        hint_pt="all-linear adapta todas as camadas menos ela; full treina também a LM head.",
    ),
    "no_attention": Text(
        en="method.target_modules=auto found no attention projections in the architecture {architecture!r}; its linear "
        "layers are: {candidates}.",
        pt="method.target_modules=auto não encontrou projeções de atenção na arquitetura {architecture!r}; suas camadas "
        "lineares são: {candidates}.",
        hint_en="Set method.target_modules to some of them, or to all-linear.",
        hint_pt="Defina method.target_modules com algumas delas, ou com all-linear.",
    ),
    "already_attached": Text(
        en="The model already carries a LoRA adapter, and adapters do not stack.",
        pt="O modelo já tem um adaptador LoRA, e adaptadores não se empilham.",
        hint_en="Merge it first (afinar merge RUN DIR), or load the base model anew.",
        hint_pt="Funda-o antes (afinar merge RUN DIR), ou carregue de novo o modelo base.",
    ),
    "not_attached": Text(
        en="The model carries no LoRA adapter.",
        pt="O modelo não tem adaptador LoRA.",
        hint_en="Attach the method first; a merged model is plain and has nothing left to switch off, merge or export.",
        hint_pt="Aplique antes o método; um modelo fundido é comum e não tem mais o que desligar, fundir ou exportar.",
    ),
    "merge_quantised": Text(
        en="The base's weights are quantised ({dtype}), and an update cannot be folded into them without loss.",
        pt="Os pesos da base estão quantizados ({dtype}), e não se pode fundir neles uma atualização sem perda.",
        hint_en="Load the base in bfloat16 or float32, put the adapter on it, and merge that.",
        hint_pt="Carregue a base em bfloat16 ou float32, aplique nela o adaptador e funda esse modelo.",
    ),
    "no_merge": Text(
        en="method.name={name} adds to what flows through the model, not to its weights, so it cannot be merged into them.",
        pt="method.name={name} acrescenta ao que passa pelo modelo, não a seus pesos; por isso não pode ser fundido neles.",
        hint_en="Use the adapter beside its base (afinar generate RUN), export it (afinar export RUN DIR), or train with "
        "method.name: lora, ia3 or full, which merge.",
        hint_pt="Use o adaptador ao lado da base (afinar generate RUN), exporte-o (afinar export RUN DIR) ou treine com "
        "method.name: lora, ia3 ou full, que se fundem.",
    ),
    "full_keeps_no_base": Text(
        en="Full fine-tuning overwrote the base's weights, so it cannot be switched off.",
        pt="O ajuste completo sobrescreveu os pesos da base, portanto não pode ser desligado.",
        hint_en="Load the base model beside it, or use method.name: lora.",
        hint_pt="Carregue o modelo base ao lado, ou use method.name: lora.",
    ),
    "state_names": Text(
        en="The saved weights are not this model's; missing: {missing}; unexpected: {unexpected}.",
        pt="Os pesos salvos não são deste modelo; faltam: {missing}; sobram: {unexpected}.",
        hint_en="Use the same base model, task and method settings as when they were saved.",
        hint_pt="Use o mesmo modelo base, a mesma tarefa e a mesma configuração de quando foram salvos.",
    ),
    "state_shape": Text(
        en="The saved weight {name} has shape {got}; this model's has {expected}.",
        pt="O peso salvo {name} tem forma {got}; o deste modelo tem {expected}.",
        hint_en="Use the same base model, number of classes and rank as when it was saved.",
        hint_pt="Use o mesmo modelo base, número de classes e posto de quando foi salvo.",
    ),
    "adapter_of_another_model": Text(
        en="The adapter is for a layer {path!r}, which this {model} does not have as a linear layer.",
        pt="O adaptador é para uma camada {path!r}, que este {model} não tem como camada linear.",
        hint_en="Load the base model that adapter_config.json or afinar.json names.",
        hint_pt="Carregue o modelo base que adapter_config.json ou afinar.json indica.",
    ),
    "other_config": Text(
        en="{field}={got}, but the saved adapter was trained with {expected}.",
        pt="{field}={got}, mas o adaptador salvo foi treinado com {expected}.",
        hint_en="Take the method from the export itself (afinar.methods.saved.read).",
        hint_pt="Obtenha o método da própria exportação (afinar.methods.saved.read).",
    ),
    "no_file": Text(
        en="There is no {file} in {directory}.",
        pt="Não há {file} em {directory}.",
        hint_en="Give the folder that was exported: a run's adapter/ or model/, or a PEFT adapter's folder.",
        hint_pt="Indique a pasta exportada: adapter/ ou model/ de uma execução, ou a pasta de um adaptador PEFT.",
    ),
    "no_export": Text(
        en="{directory} holds neither {card} nor {config}: it is no exported adapter.",
        pt="{directory} não contém {card} nem {config}: não é um adaptador exportado.",
        hint_en="Give the folder that was exported: a run's adapter/ or model/, or a PEFT adapter's folder.",
        hint_pt="Indique a pasta exportada: adapter/ ou model/ de uma execução, ou a pasta de um adaptador PEFT.",
    ),
    "broken_file": Text(
        en="{path} cannot be read: {reason}.",
        pt="{path} não pode ser lido: {reason}.",
        hint_en="It may be cut short; copy or download it again, or use another checkpoint.",
        hint_pt="Pode estar incompleto; copie-o ou baixe-o de novo, ou use outro checkpoint.",
    ),
    "broken_card": Text(
        en="{path} does not describe an export of this version: {reason}.",
        pt="{path} não descreve uma exportação desta versão: {reason}.",
        hint_en="It may come from a newer afinar or have been edited.",
        hint_pt="Pode ter vindo de um afinar mais novo ou ter sido editado.",
    ),
    "not_peft": Text(
        en="{path} is not PEFT's: it has no peft_type (format: {got}).",
        pt="{path} não é do PEFT: não tem peft_type (formato: {got}).",
        hint_en="AdapterHub uses the same file name for another format; export the adapter in PEFT's.",
        hint_pt="O AdapterHub usa o mesmo nome de arquivo para outro formato; exporte o adaptador no do PEFT.",
    ),
    "other_peft_type": Text(
        en="{path} is an adapter of type {got}; this version reads LORA.",
        pt="{path} é um adaptador do tipo {got}; esta versão lê LORA.",
        hint_en=_MERGE_EN,
        hint_pt=_MERGE_PT,
    ),
    "unsupported_peft": Text(
        en="{path} uses what a plain LoRA layer cannot represent: {got}.",
        pt="{path} usa o que uma camada LoRA simples não representa: {got}.",
        hint_en=_MERGE_EN,
        hint_pt=_MERGE_PT,
    ),
    "strange_tensors": Text(
        en="{path} is not a plain LoRA adapter; no pair of A and B of the stated rank, or other tensors: {got}.",
        pt="{path} não é um adaptador LoRA simples; sem par A e B do posto indicado, ou com outros tensores: {got}.",
        hint_en=_MERGE_EN,
        hint_pt=_MERGE_PT,
    ),
    "pickle_adapter": Text(
        en="{directory} holds {file}, a pickle, which can run code when it is read; expected safetensors.",
        pt="{directory} contém {file}, um pickle, que pode executar código ao ser lido; esperado safetensors.",
        hint_en="If you trust it, load it with PEFT and save it again: save_pretrained writes safetensors.",
        hint_pt="Se confia nele, carregue-o com o PEFT e salve-o de novo: save_pretrained grava safetensors.",
    ),
    "pad_is_eos": Text(
        en="pad_token_id equals eos_token_id. This package pools at the last attended token; plain transformers and PEFT look "
        "for the last token that is not pad, so they read one token earlier and give other probabilities.",
        pt="pad_token_id é igual a eos_token_id. Este pacote lê o último token da máscara de atenção; transformers e PEFT "
        "puros procuram o último token que não é pad, então leem um token antes e dão outras probabilidades.",
    ),
    "not_wrapped": Text(
        en="This {got} carries no adapter of PEFT's.",
        pt="Este {got} não tem adaptador do PEFT.",
        hint_en="Wrap it first: peft.get_peft_model(model, config), or give the config as peft_config.",
        hint_pt="Envolva-o antes: peft.get_peft_model(model, config), ou passe a configuração em peft_config.",
    ),
    "already_wrapped": Text(
        en="The model carries PEFT's adapters already; {got} would put others on top of them.",
        pt="O modelo já tem adaptadores do PEFT; {got} poria outros por cima.",
        hint_en="Leave method and peft_config out to train what is there, or give the base model: model.unload().",
        hint_pt="Omita method e peft_config para treinar o que já está lá, ou passe o modelo base: model.unload().",
    ),
    "mixed_adapters": Text(
        en="A PeftMixedModel can be run but not saved, so what it learns would be lost.",
        pt="Um PeftMixedModel pode ser executado, mas não salvo; o que ele aprendesse se perderia.",
        hint_en="Use get_peft_model without mixed=True.",
        hint_pt="Use get_peft_model sem mixed=True.",
    ),
    "wrapped_by_peft": Text(
        en="PEFT wraps the model itself: afinar's own technique has no {got}.",
        pt="O próprio PEFT envolve o modelo: a técnica do próprio afinar não tem {got}.",
    ),
    "peft_task": Text(
        en="task_type={got!r} does not fit the model {model}, whose task is {expected}.",
        pt="task_type={got!r} não serve para o modelo {model}, cuja tarefa é {expected}.",
        hint_en="Write task_type={expected!r}, or load the model for the other task.",
        hint_pt="Escreva task_type={expected!r}, ou carregue o modelo para a outra tarefa.",
    ),
    "peft_no_targets": Text(
        en="PEFT has no default target_modules for the architecture {got}.",
        pt="O PEFT não tem target_modules padrão para a arquitetura {got}.",
        hint_en="Write target_modules='all-linear', or a list of layer names.",
        hint_pt="Escreva target_modules='all-linear', ou uma lista de nomes de camadas.",
    ),
    "peft_no_match": Text(
        en="target_modules={got!r} matches no layer of this model.",
        pt="target_modules={got!r} não corresponde a nenhuma camada deste modelo.",
        hint_en="Its linear layers are called {candidates}; a text (not a list) is a regular expression over whole paths.",
        hint_pt="As camadas lineares dele se chamam {candidates}; um texto (não uma lista) é uma expressão regular sobre "
        "caminhos inteiros.",
    ),
    "peft_refuses": Text(
        en="PEFT refuses this config for this model: {reason}",
        pt="O PEFT recusa esta configuração para este modelo: {reason}",
        hint_en="Change the config as it says; names and sizes in it must fit the model's own modules.",
        hint_pt="Mude a configuração como indicado; nomes e tamanhos nela devem caber nos módulos do próprio modelo.",
    ),
    "peft_no_merge": Text(
        en="An adapter of type {got} cannot be folded into the base's weights.",
        pt="Um adaptador do tipo {got} não pode ser fundido nos pesos da base.",
        hint_en="Keep base and adapter, and load both: PeftModel.from_pretrained(model, folder).",
        hint_pt="Guarde base e adaptador e carregue os dois: PeftModel.from_pretrained(model, pasta).",
    ),
    "prefix_checkpointing": Text(
        en="{got} puts its keys and values into a cache, which gradient checkpointing throws away: nothing would be learned.",
        pt="{got} põe chaves e valores em um cache, que o gradient checkpointing descarta: nada seria aprendido.",
        hint_en="Switch gradient checkpointing off, or use LoRA or prompt tuning.",
        hint_pt="Desligue o gradient checkpointing, ou use LoRA ou prompt tuning.",
    ),
}

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
}

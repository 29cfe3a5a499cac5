"""Texts of PEFT's own techniques."""

from afinar.messages import Text

TEXTS = {
    "not_installed": Text(
        en="This technique is PEFT's, which is not installed.",
        pt="Esta técnica é do PEFT, que não está instalado.",
        hint_en="Install it: pip install 'afinar[peft]'",
        hint_pt="Instale-o: pip install 'afinar[peft]'",
    ),
    "which": Text(
        en="method.name: peft needs the technique of PEFT that is meant, in method.peft_type.",
        pt="method.name: peft precisa da técnica do PEFT que se quer, em method.peft_type.",
        hint_en="The installed PEFT has: {known}.",
        hint_pt="O PEFT instalado tem: {known}.",
    ),
    "unknown_type": Text(
        en="The installed PEFT has no technique {got!r}.",
        pt="O PEFT instalado não tem a técnica {got!r}.",
        hint_en="It has: {known}.",
        hint_pt="Ele tem: {known}.",
    ),
    "unknown_type_near": Text(
        en="The installed PEFT has no technique {got!r}.",
        pt="O PEFT instalado não tem a técnica {got!r}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "type": Text(
        en="{field}={got!r}; expected {expected}.",
        pt="{field}={got!r}; esperado {expected}.",
        hint_en="The type is that of the field in PEFT's own config class.",
        hint_pt="O tipo é o do campo na classe de configuração do próprio PEFT.",
    ),
    "refused": Text(
        en="PEFT refuses this config of {got}: {reason}",
        pt="O PEFT recusa esta configuração de {got}: {reason}",
        hint_en="Change the fields as it says; they are those of its config class.",
        hint_pt="Mude os campos como ele indica; são os da classe de configuração dele.",
    ),
    "needs": Text(
        en="{got} cannot be trained here: {what}",
        pt="{got} não pode ser treinada aqui: {what}",
        hint_en="Take another technique: afinar methods lists them.",
        hint_pt="Use outra técnica: afinar methods mostra quais há.",
    ),
    "needs_task_ids": Text(
        en="it needs a task number with every row, which no data format has.",
        pt="ela precisa do número de uma tarefa em cada linha, o que nenhum formato de dados tem.",
    ),
    "needs_context": Text(
        en="it learns the embeddings of examples that its config holds as tokens, with masks and a loss of its own.",
        pt="ela aprende os embeddings de exemplos que a configuração guarda em tokens, com máscaras e uma perda próprias.",
    ),
    "needs_distilled": Text(
        en="it is distilled from a long text that the model reads, not trained on rows.",
        pt="ela é destilada de um texto longo que o modelo lê, e não treinada com linhas.",
    ),
    "needs_experts": Text(
        en="it mixes LoRA adapters that were trained before.",
        pt="ela mistura adaptadores LoRA treinados antes.",
    ),
    "needs_shadow": Text(
        en="it trains a second, smaller model beside the whole one, with a head and a loss of its own.",
        pt="ela treina um segundo modelo, menor, ao lado do modelo inteiro, com cabeça e perda próprias.",
    ),
    "prompt_settings": Text(
        en="{got}: these settings ask for more than afinar's own prompts have (an initial text with a tokenizer of its own, "
        "sizes given by hand, several prompts).",
        pt="{got}: estas opções pedem mais do que os prompts do afinar têm (um texto inicial com tokenizador próprio, "
        "tamanhos dados à mão, vários prompts).",
        hint_en="Use method.name: prompt, p_tuning or prefix, which have an initial text of their own.",
        hint_pt="Use method.name: prompt, p_tuning ou prefix, que têm o seu próprio texto inicial.",
    ),
    "adalora_wrapped": Text(
        en="This model is wrapped for AdaLoRA already; its ranks are allotted by steps of a training that PEFT planned then.",
        pt="Este modelo já está envolvido para AdaLoRA; os postos dele são distribuídos por passos de um treino já planejado.",
        hint_en="Give the plain model, and the AdaLoraConfig as peft_config.",
        hint_pt="Passe o modelo simples, e o AdaLoraConfig em peft_config.",
    ),
    "changes_base": Text(
        en="init_lora_weights={got!r} changes the base's weights, so the adapter could not be switched off.",
        pt="init_lora_weights={got!r} muda os pesos da base; o adaptador não poderia ser desligado.",
        hint_en="Use method.name: lora with initialisation: pissa or olora, which keep the base.",
        hint_pt="Use method.name: lora com initialisation: pissa ou olora, que guardam a base.",
    ),
    "float_base": Text(
        en="{got} computes with the base's own weights, which a quantised base has only as packed bytes.",
        pt="{got} calcula com os próprios pesos da base, que uma base quantizada só tem como bytes compactados.",
        hint_en="Load the base without quantisation, or use lora, which reads its outputs only.",
        hint_pt="Carregue a base sem quantização, ou use lora, que só lê as saídas dela.",
    ),
    "adapts_head": Text(
        en="{got} would adapt the classification head ({head}), which trains whole with every method.",
        pt="{got} adaptaria a cabeça de classificação ({head}), que é treinada inteira em todo método.",
        hint_en="Name other target_modules.",
        hint_pt="Indique outros target_modules.",
    ),
    "other_tensors": Text(
        en="{path} holds other tensors than this technique has on this model: {got}.",
        pt="{path} contém tensores diferentes dos que esta técnica tem neste modelo: {got}.",
        hint_en="Load the base model that adapter_config.json names.",
        hint_pt="Carregue o modelo base que adapter_config.json indica.",
    ),
    "no_count": Text(
        en="What {got} trains depends on the weights themselves, so it cannot be counted without them.",
        pt="O que {got} treina depende dos próprios pesos; sem eles não se pode contar.",
        hint_en="Load the model first.",
        hint_pt="Carregue o modelo antes.",
    ),
    "adalora_steps": Text(
        en="tinit={tinit} and tfinal={tfinal} leave none of the {total} steps for AdaLoRA to give ranks back.",
        pt="tinit={tinit} e tfinal={tfinal} não deixam nenhum dos {total} passos para a AdaLoRA devolver postos.",
        hint_en="Lower them, or train for more steps.",
        hint_pt="Diminua-os, ou treine por mais passos.",
    ),
    "adalora_ranks": Text(
        en="target_r={target} with init_r={init}: AdaLoRA starts at init_r and gives ranks back until target_r is left.",
        pt="target_r={target} com init_r={init}: a AdaLoRA começa em init_r e devolve postos até sobrar target_r.",
        hint_en="Set init_r above target_r; with the same rank everywhere use method.name: lora.",
        hint_pt="Ponha init_r acima de target_r; com o mesmo posto em tudo, use method.name: lora.",
    ),
}

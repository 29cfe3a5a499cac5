"""The table of `afinar methods`."""

from afinar.messages import Text

TEXTS = {
    "about": Text(
        en="{model}: {total} weights in {dtype}, {size}.",
        pt="{model}: {total} pesos em {dtype}, {size}.",
    ),
    "about_classifier": Text(
        en="{model} as a classifier of two classes: {total} weights in {dtype}, {size}.",
        pt="{model} como classificador de duas classes: {total} pesos em {dtype}, {size}.",
    ),
    # the heads of the columns, short for narrow terminals and long for wide ones
    "name": Text(en="technique", pt="técnica"),
    "trainable": Text(en="trains", pt="treina"),
    "share": Text(en="share", pt="parte"),
    "memory": Text(en="memory", pt="memória"),
    "mergeable": Text(en="merge", pt="funde"),
    "switchable": Text(en="off", pt="desl."),
    "peft_format": Text(en="PEFT", pt="PEFT"),
    "packing": Text(en="pack", pt="pac."),
    "checkpointing": Text(en="ckpt", pt="ckpt"),
    "quantised_base": Text(en="4-bit", pt="4 bits"),
    "long_name": Text(en="technique", pt="técnica"),
    "long_trainable": Text(en="trained weights", pt="pesos treinados"),
    "long_share": Text(en="share", pt="parte"),
    "long_memory": Text(en="memory", pt="memória"),
    "long_mergeable": Text(en="merges", pt="funde"),
    "long_switchable": Text(en="switches off", pt="desliga"),
    "long_peft_format": Text(en="PEFT format", pt="formato PEFT"),
    "long_packing": Text(en="packing", pt="empacota"),
    "long_checkpointing": Text(en="checkpointing", pt="checkpointing"),
    "long_quantised_base": Text(en="4-bit base", pt="base 4 bits"),
    "legend_trainable": Text(
        en="weights that train with the default settings, and their share of the base's",
        pt="pesos treinados com os ajustes padrão, e sua parte em relação à base",
    ),
    "legend_memory": Text(
        en="beside the frozen base: float32 masters, gradients and AdamW's moments; activations come on top",
        pt="além da base congelada: mestres em float32, gradientes e momentos do AdamW; as ativações se somam a isso",
    ),
    "legend_mergeable": Text(
        en="can be folded into the base's weights: a plain model, as fast as before",
        pt="pode ser incorporada aos pesos da base: um modelo comum, tão rápido quanto antes",
    ),
    "legend_switchable": Text(
        en="switches off, so that base and adapted model are compared without loading twice",
        pt="desliga-se; base e adaptado se comparam sem carregar duas vezes",
    ),
    "legend_peft_format": Text(
        en="its export loads in plain PEFT, with equal logits",
        pt="sua exportação abre no PEFT puro, com logits iguais",
    ),
    "legend_packing": Text(
        en="examples packed into one row each get what they get alone",
        pt="exemplos empacotados numa linha obtêm, cada um, o que obteriam sozinhos",
    ),
    "legend_checkpointing": Text(
        en="trains with gradient checkpointing, with the same gradients",
        pt="treina com gradient checkpointing, com os mesmos gradientes",
    ),
    "legend_quantised_base": Text(
        en="adapts a base in 4 or 8 bits (model.quantize)",
        pt="adapta uma base em 4 ou 8 bits (model.quantize)",
    ),
    "only": Text(en="{name} is for {task} only.", pt="{name} serve apenas para {task}."),
    "task_causal": Text(en="text generation", pt="geração de texto"),
    "task_classification": Text(en="classification", pt="classificação"),
    "next": Text(
        en="Read about one with: afinar explain {name}. All of them side by side, measured: afinar explain peft",
        pt="Leia sobre uma com: afinar explain {name}. Todas lado a lado, com medidas: afinar explain peft",
    ),
}

"""Texts of prefix tuning and of the attention that it needs."""

from afinar.messages import Text

TEXTS = {
    "width_without_projection": Text(
        en="method.encoder_hidden_size={got} is the width of a perceptron that is not there: method.projection is false.",
        pt="method.encoder_hidden_size={got} é a largura de um perceptron que não existe: method.projection é false.",
        hint_en="Set method.projection: true, or leave the width out.",
        hint_pt="Defina method.projection: true, ou omita a largura.",
    ),
    "vocabulary_with_projection": Text(
        en="method.init=vocabulary sets keys and values, which method.projection: true computes from something else.",
        pt="method.init=vocabulary define chaves e valores, que method.projection: true calcula a partir de outra coisa.",
        hint_en="Use init: random with the projection, or leave the projection out.",
        hint_pt="Use init: random com a projeção, ou deixe a projeção de fora.",
    ),
    "attention_not_reached": Text(
        en="{model} computes its attention by itself: {reached} of its {layers} layers call transformers' "
        "AttentionInterface, where prefixes and packed rows are handled.",
        pt="{model} calcula a atenção por conta própria: {reached} de suas {layers} camadas chamam a AttentionInterface do "
        "transformers, onde se tratam prefixos e linhas empacotadas.",
        hint_en="Use method.name: prompt, p_tuning or lora, which need nothing of the attention.",
        hint_pt="Use method.name: prompt, p_tuning ou lora, que não dependem da atenção.",
    ),
    "attention_differs": Text(
        en="The attention of {model} does more than softmax(q·k)·v over earlier positions: its output changes by "
        "{difference:.1e} when that is computed instead.",
        pt="A atenção de {model} faz mais que softmax(q·k)·v sobre as posições anteriores: a saída muda {difference:.1e} "
        "quando só isso é calculado.",
        hint_en="Use method.name: prompt, p_tuning or lora, which leave the attention alone.",
        hint_pt="Use method.name: prompt, p_tuning ou lora, que não mexem na atenção.",
    ),
    "attention_leaks": Text(
        en="{model} does not tell its attention where the segments of a packed row lie, so they would see each other.",
        pt="{model} não informa à atenção onde ficam os segmentos de uma linha empacotada; eles veriam uns aos outros.",
        hint_en="Use method.name: prompt, p_tuning or lora, and rows that are not packed.",
        hint_pt="Use method.name: prompt, p_tuning ou lora, e linhas não empacotadas.",
    ),
    "uneven_layers": Text(
        en="The layers of {model} have keys and values of different shapes ({shapes}); a prefix has one for all.",
        pt="As camadas de {model} têm chaves e valores de formas diferentes ({shapes}); um prefixo tem uma só.",
        hint_en="Use method.name: prompt or p_tuning, whose virtual tokens pass through the layers as text does.",
        hint_pt="Use method.name: prompt ou p_tuning, cujos tokens virtuais passam pelas camadas como o texto.",
    ),
    "no_encoder": Text(
        en="{directory} holds the finished prefix only, without the perceptron of method.projection: true.",
        pt="{directory} contém só o prefixo pronto, sem o perceptron de method.projection: true.",
        hint_en="Load it with method.projection: false, which trains the prefix itself.",
        hint_pt="Carregue-o com method.projection: false, que treina o próprio prefixo.",
    ),
    "reentrant": Text(
        en="Gradient checkpointing with use_reentrant=True would lose the gradients of the prefix.",
        pt="Gradient checkpointing com use_reentrant=True perderia os gradientes do prefixo.",
        hint_en="Leave gradient_checkpointing_kwargs out; use_reentrant=False is the default.",
        hint_pt="Omita gradient_checkpointing_kwargs; use_reentrant=False é o padrão.",
    ),
    "not_attached": Text(
        en="The model has no prefix.",
        pt="O modelo não tem prefixo.",
        hint_en="Attach the method first: create(PrefixTuning()).attach(model).",
        hint_pt="Aplique antes o método: create(PrefixTuning()).attach(model).",
    ),
}

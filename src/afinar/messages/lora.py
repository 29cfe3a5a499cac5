"""Texts of LoRA and of its relatives, and of several adapters on one base."""

from afinar.messages import Text

TEXTS = {
    "pattern_mapping": Text(
        en="{field}={got!r}; expected names of layers with a number each, such as {{down_proj: 16}}.",
        pt="{field}={got!r}; esperados nomes de camadas com um número cada, como {{down_proj: 16}}.",
    ),
    "bad_pattern": Text(
        en="{field}: {got!r} is no regular expression ({detail}).",
        pt="{field}: {got!r} não é uma expressão regular ({detail}).",
        hint_en="The end of a layer's path is enough, such as q_proj.",
        hint_pt="O final do caminho de uma camada basta, como q_proj.",
    ),
    "pattern_matches_nothing": Text(
        en="{field}: {got!r} fits none of the adapted layers, such as {example}.",
        pt="{field}: {got!r} não casa com nenhuma das camadas adaptadas, como {example}.",
        hint_en="Patterns are matched against the ends of paths; is the layer among method.target_modules?",
        hint_pt="Os padrões são comparados com o final dos caminhos; a camada está em method.target_modules?",
    ),
    "rank_too_high": Text(
        en="The rank {r} of the adapter on {path} is more than the weight's own, {most}.",
        pt="O posto {r} do adaptador em {path} é maior que o do próprio peso, {most}.",
        hint_en="Lower method.r, or give this layer a lower rank in method.rank_pattern.",
        hint_pt="Diminua method.r, ou dê a essa camada um posto menor em method.rank_pattern.",
    ),
    "tokens": Text(
        en="method.trainable_tokens={got!r}; expected ids of tokens, integers from 0 on.",
        pt="method.trainable_tokens={got!r}; esperados ids de tokens, inteiros a partir de 0.",
        hint_en="tokenizer.convert_tokens_to_ids(text) gives a token's id.",
        hint_pt="tokenizer.convert_tokens_to_ids(texto) dá o id de um token.",
    ),
    "token_outside": Text(
        en="method.trainable_tokens: there is no token {got}; the model's vocabulary has {rows} rows.",
        pt="method.trainable_tokens: não existe o token {got}; o vocabulário do modelo tem {rows} linhas.",
        hint_en="Lengthen it first: model.resize_token_embeddings(len(tokenizer)).",
        hint_pt="Aumente-o antes: model.resize_token_embeddings(len(tokenizer)).",
    ),
    "twice": Text(
        en="{path} is to be changed in two ways at once: {first} and {second}.",
        pt="{path} seria alterado de dois modos ao mesmo tempo: {first} e {second}.",
        hint_en="Name each layer in only one of target_modules, modules_to_save and trainable_tokens.",
        hint_pt="Escreva cada camada em só um entre target_modules, modules_to_save e trainable_tokens.",
    ),
    "no_module": Text(
        en="method.modules_to_save: no layer of this model is named {got!r}.",
        pt="method.modules_to_save: nenhuma camada deste modelo se chama {got!r}.",
        hint_en="Name embeddings, the LM head or norms by the end of their paths: embed_tokens, lm_head, norm.",
        hint_pt="Indique embeddings, a LM head ou normas pelo fim de seus caminhos: embed_tokens, lm_head, norm.",
    ),
    "not_a_leaf": Text(
        en="method.modules_to_save: {got} is made of other layers; only single ones train whole.",
        pt="method.modules_to_save: {got} é feito de outras camadas; só camadas simples são treinadas por inteiro.",
        hint_en="Name the layers in it, or adapt them (target_modules).",
        hint_pt="Escreva as camadas que ele contém, ou adapte-as (target_modules).",
    ),
    "quantised_module": Text(
        en="{path} is quantised ({kind}), and {what} needs its weights in full precision.",
        pt="{path} está quantizado ({kind}), e {what} precisa de seus pesos em precisão plena.",
        hint_en="Leave that layer out, or load the base without model.quantize.",
        hint_pt="Deixe essa camada de fora, ou carregue a base sem model.quantize.",
    ),
    "plain_embedding": Text(
        en="{what} cannot be had on the embeddings {path}.",
        pt="{what} não é possível nos embeddings {path}.",
        hint_en="Leave the embeddings out of target_modules, or train them whole: modules_to_save.",
        hint_pt="Tire os embeddings de target_modules, ou treine-os por inteiro: modules_to_save.",
    ),
    "no_bias": Text(
        en="method.bias=lora_only: none of the adapted layers has a bias.",
        pt="method.bias=lora_only: nenhuma das camadas adaptadas tem viés.",
        hint_en="Leave method.bias at none.",
        hint_pt="Deixe method.bias em none.",
    ),
    "other_embeddings": Text(
        en="{path}: the adapter was trained on other values of {name} than this base has (a resized vocabulary, perhaps).",
        pt="{path}: o adaptador foi treinado sobre outros valores de {name} que os desta base (talvez vocabulário ampliado).",
        hint_en="Load the base that it was trained on.",
        hint_pt="Carregue a base em que ele foi treinado.",
    ),
    "peft_drops_bias": Text(
        en="Plain PEFT drops the bias of the LM head {path} where tokens train in it, so its logits will differ by that bias; "
        "merge the adapter for use elsewhere, or train with trainable_tokens_in_head: false.",
        pt="O PEFT puro perde o viés da LM head {path} com tokens treinados, e seus logits diferirão por esse viés; "
        "funda o adaptador para usá-lo em outro lugar, ou treine com trainable_tokens_in_head: false.",
    ),
    "untied": Text(
        en="Only one of embeddings and LM head was adapted, so the merged model keeps them as two weights "
        "(tie_word_embeddings is now false).",
        pt="Só um entre embeddings e LM head foi adaptado, por isso o modelo fundido os guarda como dois pesos "
        "(tie_word_embeddings agora é false).",
    ),
    "switch_matches_nothing": Text(
        en="{got!r} fits none of the adapted layers, such as {example}.",
        pt="{got!r} não casa com nenhuma das camadas adaptadas, como {example}.",
        hint_en="Give the end of a path or a regular expression for it.",
        hint_pt="Dê o final de um caminho ou uma expressão regular para ele.",
    ),
    "adapter_name": Text(
        en="There is already an adapter named {got!r}.",
        pt="Já existe um adaptador chamado {got!r}.",
        hint_en="Choose another name, or remove the first one.",
        hint_pt="Escolha outro nome, ou remova o primeiro.",
    ),
    "no_adapter": Text(
        en="There is no adapter named {got!r}; there are: {allowed}.",
        pt="Não existe um adaptador chamado {got!r}; existem: {allowed}.",
    ),
    "no_mixing": Text(
        en="The adapter {got!r} cannot be mixed with others: {what} is no update that adds up.",
        pt="O adaptador {got!r} não pode ser misturado com outros: {what} não é uma atualização que se soma.",
        hint_en="Mix plain LoRA adapters, or use one adapter at a time.",
        hint_pt="Misture adaptadores LoRA comuns, ou use um adaptador de cada vez.",
    ),
    "other_method": Text(
        en="Adapters of {got} cannot share a base; only those of the LoRA family can.",
        pt="Adaptadores de {got} não podem dividir uma base; só os da família LoRA podem.",
        hint_en="Load a base of its own for it.",
        hint_pt="Carregue para ele uma base própria.",
    ),
}

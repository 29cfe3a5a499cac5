"""Texts of the prompt methods: prompt tuning, P-tuning."""

from afinar.messages import Text

TEXTS = {
    "no_decoder": Text(
        en="{got} is no decoder of transformers, and a prompt can be put before nothing else.",
        pt="{got} não é um decodificador do transformers, e só a um deles se pode antepor um prompt.",
        hint_en="Use a causal or sequence-classification model that transformers' Auto classes load.",
        hint_pt="Use um modelo causal ou de classificação de sequências que as classes Auto do transformers carreguem.",
    ),
    "no_embeddings": Text(
        en="{got} looks its tokens up in no nn.Embedding, so there is no telling what a virtual token is to it.",
        pt="{got} não busca seus tokens em um nn.Embedding; não há como saber o que é para ele um token virtual.",
        hint_en="Use LoRA, which changes layers and not inputs.",
        hint_pt="Use LoRA, que muda camadas, e não entradas.",
    ),
    "already_adapted": Text(
        en="The model carries an adapter already, and a prompt does not go on top of it.",
        pt="O modelo já tem um adaptador, e um prompt não se põe sobre ele.",
        hint_en="Load the base model anew, or merge the adapter first if its technique merges.",
        hint_pt="Carregue de novo o modelo base, ou funda antes o adaptador, se a técnica dele o permite.",
    ),
    "not_attached": Text(
        en="The model carries no virtual tokens.",
        pt="O modelo não tem tokens virtuais.",
        hint_en="Attach the method first.",
        hint_pt="Aplique antes o método.",
    ),
    "too_many": Text(
        en="method.virtual_tokens={got} leaves no room: the model has {positions} positions, for prompt and text together.",
        pt="method.virtual_tokens={got} não deixa espaço: o modelo tem {positions} posições, para prompt e texto juntos.",
        hint_en="10 to 100 virtual tokens are usual.",
        hint_pt="De 10 a 100 tokens virtuais é usual.",
    ),
    "init_text": Text(
        en="method.init={init} with init_text={got!r}: a text that holds words goes with init: text, and only with it.",
        pt="method.init={init} com init_text={got!r}: um texto com palavras vai com init: text, e só com ele.",
        hint_en="Write init: text and init_text: what the model is to do; or leave both out.",
        hint_pt="Escreva init: text e init_text: o que o modelo deve fazer; ou omita os dois.",
    ),
    "no_tokenizer": Text(
        en="A start from init_text needs the tokenizer, and none has read the text yet.",
        pt="Partir de init_text requer o tokenizer, e nenhum leu o texto ainda.",
        hint_en="Give SFTTrainer its processing_class, or call method.use_tokenizer(tokenizer) before attach.",
        hint_pt="Passe processing_class ao SFTTrainer, ou chame method.use_tokenizer(tokenizer) antes de attach.",
    ),
    "dropout": Text(
        en="method.dropout={got} with encoder={encoder} and encoder_layers={layers}: only an LSTM of two or more layers has "
        "places between its layers to drop values at.",
        pt="method.dropout={got} com encoder={encoder} e encoder_layers={layers}: só um LSTM de duas ou mais camadas tem onde "
        "zerar valores entre elas.",
        hint_en="Write encoder: lstm, or dropout: 0.",
        hint_pt="Escreva encoder: lstm, ou dropout: 0.",
    ),
    "mask": Text(
        en="The attention mask is {got}; a prompt can lengthen one of shape (rows, tokens) only.",
        pt="A máscara de atenção é {got}; um prompt só pode alongar uma de forma (linhas, tokens).",
        hint_en="Give 0 or 1 per token.",
        hint_pt="Passe 0 ou 1 por token.",
    ),
    "static_cache": Text(
        en="A {got} has a fixed size, reckoned without the virtual tokens.",
        pt="Um {got} tem tamanho fixo, calculado sem os tokens virtuais.",
        hint_en="Leave cache_implementation out of generate(); the dynamic cache grows as it must.",
        hint_pt="Omita cache_implementation em generate(); o cache dinâmico cresce quanto for preciso.",
    ),
    "cache": Text(
        en="The cache holds {got} positions and should hold {expected}: the {n} virtual tokens and the tokens before these.",
        pt="O cache tem {got} posições e deveria ter {expected}: os {n} tokens virtuais e os tokens anteriores a estes.",
        hint_en="Begin with an empty cache under the same adapter; assisted decoding, and going on from the cache of an "
        "earlier answer, do not count virtual tokens.",
        hint_pt="Comece com um cache vazio e o mesmo adaptador; a decodificação assistida e a continuação do cache de outra "
        "resposta não contam os tokens virtuais.",
    ),
    "packed_rows": Text(
        en="{got} packed rows at once, told by positions alone; virtual tokens would make them differ in length.",
        pt="{got} linhas empacotadas de uma vez, indicadas só por posições; tokens virtuais as fariam diferir em comprimento.",
        hint_en="Give one packed row at a time, or an attention mask if the rows are not packed.",
        hint_pt="Passe uma linha empacotada por vez, ou uma máscara de atenção se as linhas não estão empacotadas.",
    ),
    "other_type": Text(
        en="{path} is an adapter of type {got}, not one of method.name={name}.",
        pt="{path} é um adaptador do tipo {got}, não de method.name={name}.",
        hint_en="Take the method from the export itself (afinar.methods.saved.read).",
        hint_pt="Obtenha o método da própria exportação (afinar.methods.saved.read).",
    ),
    "strange_tensors": Text(
        en="The weights beside {path} are not one prompt of virtual tokens: {got}.",
        pt="Os pesos ao lado de {path} não são um prompt de tokens virtuais: {got}.",
        hint_en="Export the adapter again from the program that trained it.",
        hint_pt="Exporte o adaptador de novo a partir do programa que o treinou.",
    ),
    "stale_encoder": Text(
        en="The encoder in {path} does not give the virtual tokens in {file} beside it.",
        pt="O codificador em {path} não gera os tokens virtuais que estão em {file}, ao lado.",
        hint_en="Another program wrote one of them later. Delete the encoder to load the virtual tokens alone.",
        hint_pt="Outro programa gravou um deles depois. Apague o codificador para carregar só os tokens virtuais.",
    ),
}

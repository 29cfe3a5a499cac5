"""Texts of merging and exporting: stages, the parity report, refusals, the card of what was written."""

from afinar.messages import Text

_STAGES = {
    "stage_load": Text(en="Loading {source}", pt="Carregando {source}"),
    "stage_record": Text(en="The adapted model on {n} rows of {data}", pt="O modelo adaptado em {n} linhas de {data}"),
    "stage_write": Text(en="Writing {directory} ({format})", pt="Gravando {directory} ({format})"),
    "stage_compare": Text(en="Reading it back with {reader} and comparing", pt="Lendo de volta com {reader} e comparando"),
}

_REPORT = {
    "verdict_same": Text(
        en="What was written answers as the adapted model does, to the last digits that float32 keeps.",
        pt="O que foi gravado responde como o modelo adaptado, até os últimos dígitos que o float32 guarda.",
    ),
    "verdict_close": Text(
        en="What was written answers as the adapted model does, up to the rounding of its weights.",
        pt="O que foi gravado responde como o modelo adaptado, a menos do arredondamento dos pesos.",
    ),
    "verdict_differs": Text(
        en="Warning: what was written answers differently from the adapted model. Check the figures before you use it.",
        pt="Atenção: o que foi gravado responde diferente do modelo adaptado. Confira os números antes de usar.",
    ),
    "logits": Text(
        en="logits: largest difference {largest}, mean {mean}; same top answer at {agreement}%",
        pt="logits: maior diferença {largest}, média {mean}; mesma resposta principal em {agreement}%",
    ),
    "score": Text(
        en="{metric}: {adapted} adapted, {written} written",
        pt="{metric}: {adapted} adaptado, {written} gravado",
    ),
    "measured": Text(
        en="on {rows} of {there} rows of {data} ({tokens} positions), read back with {reader}",
        pt="em {rows} de {there} linhas de {data} ({tokens} posições), lido de volta com {reader}",
    ),
    "precisions": Text(
        en="the adapted model computed in {adapted}, what was written in {written}: --dtype {adapted} keeps its digits",
        pt="o modelo adaptado calculou em {adapted} e o gravado, em {written}: --dtype {adapted} mantém os dígitos",
    ),
    "onto_base": Text(
        en="the adapter was trained on a base in {quantised} and merged into the float base: the difference is mostly that of "
        "the bases",
        pt="o adaptador foi treinado sobre uma base em {quantised} e fundido na base em ponto flutuante: a diferença é "
        "sobretudo a das bases",
    ),
    "onto_dequantised": Text(
        en="merged into the dequantised weights of a base in {quantised}",
        pt="fundido nos pesos dequantizados de uma base em {quantised}",
    ),
    "written": Text(en="Written to {directory}", pt="Gravado em {directory}"),
}

_REFUSALS = {
    "not_empty": Text(
        en="{path} is not empty.",
        pt="{path} não está vazia.",
        hint_en="Give a new or empty folder; nothing is overwritten.",
        hint_pt="Dê uma pasta nova ou vazia; nada é sobrescrito.",
    ),
    "no_space": Text(
        en="{path} needs {needed}; its disk has {free} left.",
        pt="{path} precisa de {needed}; o disco tem {free} livres.",
        hint_en="Free some space, give a folder on another disk, or write fewer bits (--dtype bfloat16).",
        hint_pt="Libere espaço, indique uma pasta em outro disco ou grave com menos bits (--dtype bfloat16).",
    ),
    "unmergeable": Text(
        en="{name} cannot be folded into the weights of its base: it adds computation, not a change of weights.",
        pt="{name} não pode ser fundido nos pesos da base: acrescenta cálculo, não uma mudança de pesos.",
        hint_en="Keep base and adapter: afinar export {run} DIR --format peft, where the technique has PEFT's format, or use "
        "the run as it is.",
        hint_pt="Mantenha base e adaptador: afinar export {run} PASTA --format peft, se a técnica tem o formato do PEFT, ou "
        "use a execução como está.",
    ),
    "not_quantised": Text(
        en="onto=dequantised, but the base {base} is not in 4 or 8 bits.",
        pt="onto=dequantised, mas a base {base} não está em 4 nem em 8 bits.",
        hint_en="Leave --onto out.",
        hint_pt="Deixe --onto de fora.",
    ),
    "stored_quantised": Text(
        en="The files of the base {base} are in {kind} already: there is no float base to merge into.",
        pt="Os arquivos da base {base} já estão em {kind}: não há base em ponto flutuante onde fundir.",
        hint_en="Merge into the values that they stand for: --onto dequantised",
        hint_pt="Funda nos valores que eles representam: --onto dequantised",
    ),
    "no_peft_format": Text(
        en="{run} ({name}) holds no adapter that PEFT has a format for.",
        pt="{run} ({name}) não tem um adaptador para o qual exista formato do PEFT.",
        hint_en="Write a plain model instead: afinar export {run} DIR --format safetensors",
        hint_pt="Grave um modelo comum: afinar export {run} PASTA --format safetensors",
    ),
    "overflow": Text(
        en="Merged weights do not fit into {dtype}: {names}.",
        pt="Pesos fundidos não cabem em {dtype}: {names}.",
        hint_en="Write bfloat16 or float32 instead.",
        hint_pt="Grave em bfloat16 ou float32.",
    ),
    "rows_gone": Text(
        en="The rows to compare on cannot be read: {problem}",
        pt="Não foi possível ler as linhas para comparar: {problem}",
        hint_en="Name others of the same kind with --data FILE.",
        hint_pt="Indique outras do mesmo tipo com --data ARQUIVO.",
    ),
    "not_finite": Text(
        en="The written model's logits are not finite; nothing was kept.",
        pt="Os logits do modelo gravado não são finitos; nada foi mantido.",
        hint_en="Write float32 or bfloat16: float16 overflows in some models.",
        hint_pt="Grave em float32 ou bfloat16: em float16 alguns modelos transbordam.",
    ),
    "not_the_same": Text(
        en="The written model is not the adapted one: it changed by {change}%, where {tolerance}% is accepted, and gives the "
        "same top answer at {agreement}%. Nothing was kept.",
        pt="O modelo gravado não é o adaptado: mudou {change}%, com tolerância de {tolerance}%, e dá a mesma resposta "
        "principal em {agreement}%. Nada foi mantido.",
        hint_en="Write more bits (--dtype float32); for a quantised base, try --onto dequantised; or accept it with "
        "--tolerance.",
        hint_pt="Grave com mais bits (--dtype float32); para base quantizada, tente --onto dequantised; ou aceite com "
        "--tolerance.",
    ),
}

_GGUF = {
    "gguf_missing": Text(
        en="GGUF files are written by the package gguf, which is not installed.",
        pt="Arquivos GGUF são gravados pelo pacote gguf, que não está instalado.",
        hint_en="Install it with: pip install 'afinar[gguf]'",
        hint_pt="Instale-o com: pip install 'afinar[gguf]'",
    ),
    "gguf_task": Text(
        en="{run} is a classifier; afinar writes GGUF files of causal models only.",
        pt="{run} é um classificador; o afinar grava em GGUF apenas modelos causais.",
        hint_en="Write safetensors: afinar export {run} DIR --format safetensors",
        hint_pt="Grave em safetensors: afinar export {run} PASTA --format safetensors",
    ),
    "gguf_architecture": Text(
        en="Models of the type {got} cannot be written as GGUF here; those that can: {allowed}.",
        pt="Modelos do tipo {got} não podem ser gravados em GGUF aqui; podem: {allowed}.",
        hint_en="Merge it (afinar merge); llama.cpp's own convert_hf_to_gguf.py may know the type.",
        hint_pt="Funda-o (afinar merge); o convert_hf_to_gguf.py do próprio llama.cpp pode conhecer o tipo.",
    ),
    "gguf_setting": Text(
        en="llama.cpp runs {architecture} with {name} {allowed} only; this model has {got}.",
        pt="O llama.cpp executa {architecture} apenas com {name} {allowed}; este modelo tem {got}.",
        hint_en="Use the merged safetensors model (afinar merge).",
        hint_pt="Use o modelo fundido em safetensors (afinar merge).",
    ),
    "gguf_tensor": Text(
        en="GGUF has no place for {name} in the architecture {architecture}.",
        pt="O GGUF não tem lugar para {name} na arquitetura {architecture}.",
        hint_en="Use the merged safetensors model (afinar merge).",
        hint_pt="Use o modelo fundido em safetensors (afinar merge).",
    ),
    "gguf_tokenizer": Text(
        en="A tokenizer of the kind {got} cannot be written as GGUF here; byte-level BPE and SentencePiece BPE can.",
        pt="Um tokenizador do tipo {got} não pode ser gravado em GGUF aqui; BPE em bytes e BPE do SentencePiece podem.",
        hint_en="Use the merged safetensors model (afinar merge).",
        hint_pt="Use o modelo fundido em safetensors (afinar merge).",
    ),
    "gguf_cut": Text(
        en="llama.cpp would read text otherwise than this model: under the nearest of its rules, {cut}, only {share}% of the "
        "rows become the tokens that the model knows.",
        pt="O llama.cpp leria o texto de outro modo que este modelo: com a mais próxima de suas regras, {cut}, só {share}% "
        "das linhas viram os tokens que o modelo conhece.",
        hint_en="Use the merged safetensors model (afinar merge).",
        hint_pt="Use o modelo fundido em safetensors (afinar merge).",
    ),
    "tokenised": Text(
        en="{share}% of the rows become the same tokens by the file's own vocabulary",
        pt="{share}% das linhas viram os mesmos tokens pelo vocabulário do próprio arquivo",
    ),
}

_CARD = {
    "what_gguf": Text(
        en="The merged model as one GGUF file, its matrices in {dtype}",
        pt="O modelo fundido em um arquivo GGUF, com as matrizes em {dtype}",
    ),
    "use_gguf": Text(
        en='```sh\nllama-cli -m FILE.gguf -p "..."\n```',
        pt='```sh\nllama-cli -m ARQUIVO.gguf -p "..."\n```',
    ),
    "what_peft": Text(
        en="The adapter alone, in PEFT's format, compared over a base in {dtype}",
        pt="Só o adaptador, no formato do PEFT, comparado sobre uma base em {dtype}",
    ),
    "what_safetensors": Text(
        en="The merged model in {dtype}, which transformers loads alone",
        pt="O modelo fundido em {dtype}, que o transformers carrega sozinho",
    ),
    "use_peft": Text(
        en="```python\nmodel = peft.PeftModel.from_pretrained(base, folder)  # or: afinar.load(folder)\n```",
        pt="```python\nmodel = peft.PeftModel.from_pretrained(base, folder)  # ou: afinar.load(folder)\n```",
    ),
    "use_safetensors": Text(
        en='```sh\nafinar generate DIR "..."\n```\n\nor `from_pretrained(DIR)` of transformers.',
        pt='```sh\nafinar generate PASTA "..."\n```\n\nou `from_pretrained(PASTA)` do transformers.',
    ),
    "card": Text(
        en="# {base}, adapted with {method}\n\n{what}. Task: {task}. Made with afinar.\n\n"
        "## Compared with the adapted model\n\n{report}\n\n## Use\n\n{use}\n",
        pt="# {base}, adaptado com {method}\n\n{what}. Tarefa: {task}. Feito com afinar.\n\n"
        "## Comparado com o modelo adaptado\n\n{report}\n\n## Uso\n\n{use}\n",
    ),
}

TEXTS = {**_STAGES, **_REPORT, **_REFUSALS, **_GGUF, **_CARD}

"""Texts of `afinar init`: what it says, and the files that it writes."""

from afinar.messages import Text

TEXTS = {
    "exists": Text(
        en="{path} is there already.",
        pt="{path} já existe.",
        hint_en="Give a new folder; nothing is overwritten.",
        hint_pt="Dê uma pasta nova; nada é sobrescrito.",
    ),
    "made": Text(en="Made in {directory}: {files}", pt="Criados em {directory}: {files}"),
    "config_head": Text(
        en="# What `afinar train config.yaml` does. Run it in this folder: paths are relative to where you are.\n"
        "# All settings with their defaults: afinar config show",
        pt="# O que `afinar train config.yaml` faz. Rode nesta pasta: os caminhos são relativos a onde você está.\n"
        "# Todas as opções com seus padrões: afinar config show",
    ),
    "method_name": Text(
        en="The technique: lora, full or head (afinar explain lora).",
        pt="A técnica: lora, full ou head (afinar explain lora).",
    ),
    "classification": Text(en="a text classifier", pt="um classificador de textos"),
    "instructions": Text(en="a model that follows instructions", pt="um modelo que segue instruções"),
    "text": Text(en="a model of your kind of text", pt="um modelo do seu tipo de texto"),
    "columns_classification": Text(
        en="`text`, and `label`, the name of its class", pt="`text`, e `label`, o nome da sua classe"
    ),
    "columns_instructions": Text(
        en="`prompt`, what is asked, and `completion`, the answer to learn",
        pt="`prompt`, o que se pede, e `completion`, a resposta a aprender",
    ),
    "columns_text": Text(en="`text`, a passage", pt="`text`, um trecho"),
    "readme": Text(
        en="""# A project with afinar

It trains {what} on the embedded model, afinar-mini, offline.

```
afinar train config.yaml          # a run folder under runs/, with scores before and after
afinar train config.yaml --resume # continue the newest run that was interrupted
afinar evaluate runs/NAME --data data/valid.jsonl
afinar audit SUITE --model runs/NAME # behaviour tests before and after: afinar audit --help
```

- `config.yaml`: what is trained, on what, and how. Any setting can be tried from the command line, as in
  `afinar train config.yaml --method.r 16`.
- `data/train.jsonl`, `data/valid.jsonl`: one JSON object per line with {columns}. These few rows only show the form; put your
  own in their place, a few hundred at least. CSV, Parquet and other forms are read too.

See `afinar --help` and, for the technique, `afinar explain lora`.
""",
        pt="""# Um projeto com o afinar

Ele treina {what} a partir do modelo embutido, afinar-mini, offline.

```
afinar train config.yaml          # uma pasta de execução em runs/, com as notas antes e depois
afinar train config.yaml --resume # continua a execução interrompida mais nova
afinar evaluate runs/NOME --data data/valid.jsonl
afinar audit SUÍTE --model runs/NOME # testes de comportamento antes e depois: afinar audit --help
```

- `config.yaml`: o que é treinado, com quê e como. Qualquer opção pode ser testada na linha de comando, como em
  `afinar train config.yaml --method.r 16`.
- `data/train.jsonl`, `data/valid.jsonl`: um objeto JSON por linha, com {columns}. Estas poucas linhas só mostram a
  forma; ponha as suas no lugar, pelo menos algumas centenas. CSV, Parquet e outras formas também são lidas.

Veja `afinar --help` e, sobre a técnica, `afinar explain lora`.
""",
    ),
}

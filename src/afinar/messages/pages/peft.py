"""The page of `afinar explain peft`: the family, its techniques side by side, and `method.name: peft`."""

from afinar.messages import Text
from afinar.messages.pages.measured import HELD_OUT, techniques

_EN = f"""\
# peft: parameter-efficient fine-tuning

**What it is.** A family of techniques that adapt a model by training a small part of what is there, or a little that is
added, while the pretrained weights stay frozen. An adapter is a file of kilobytes or a few megabytes; one base can carry
many; and since the base is still there, most of them switch off. `method.name: peft` is the door to every technique of
the PEFT library that afinar has no method of its own for (VeRA, OFT, BOFT, LoHa, LoKr, AdaLoRA, LN tuning, ...).

**Equation.** With W the frozen weights and θ the few that train,

    h = f(x; W, θ)        |θ| / |W| from 0.01 % (prompt, ia3) to a few per cent (lora, bottleneck)

**Side by side.** Each technique with its default settings on afinar-mini; quality on {HELD_OUT["resenhas"]} held-out book
reviews and {HELD_OUT["noticias"]} held-out passages of news, after a short training on one CPU thread, seed 0. Memory is
what comes on top of the frozen base, without activations.

{techniques("en")}

A point or two of accuracy is noise with so few rows. `afinar methods --model NAME` counts for your model, and
`python -m benchmarks.cpu.methods` measures again.

**When to use it.** Start with `lora`: it is strong nearly everywhere, merges into the base, and switches off. Base
too large for the memory: `qlora`. Few rows, or hundreds of adapters on one base: `ia3`, which also merges. Nothing
inside the model may change, or requests with different adapters share one batch: `prompt`,
`p_tuning` or `prefix`. Several adapters to be stacked or shared with AdapterHub:
`bottleneck`. A classifier in seconds, and the floor that all others have to beat: `head`.

**When not.** With much data and enough memory, or to teach a new language or domain, `full` learns more. Prompt
methods need large models and large learning rates; on small models they lag behind. What is added without merging
(`bottleneck`, prompts, prefixes) costs a little time with every token generated.

**Settings.** `peft_type`: the technique, as PEFT names it. All other fields are those of its config class in the
installed PEFT, checked by name and type before a model is loaded.

**Memory.** The frozen base (2 bytes for each weight in bfloat16, about half a byte in NF4), 16 bytes for each weight that
trains, and activations, which every technique that trains inside the model needs alike.

**Learning rate.** 5e-4 for `method.name: peft`, as LoRA's (more in models narrower than 2,000). Techniques that train a few
vectors want ten times that.

**Sources.** Houlsby et al. 2019, arXiv:1902.00751; Lester et al. 2021, arXiv:2104.08691; He
et al. 2022, "Towards a Unified View of Parameter-Efficient Transfer
Learning", arXiv:2110.04366; Kopiczko et al. 2023 (VeRA), arXiv:2310.11454; the library: github.com/huggingface/peft.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name peft --method.peft_type VERA --method.r 64
"""

_PT = f"""\
# peft: ajuste fino com poucos parâmetros

**O que é.** Uma família de técnicas que adaptam um modelo treinando uma pequena parte do que existe, ou um pouco que se
acrescenta, enquanto os pesos pré-treinados ficam congelados. Um adaptador é um arquivo de quilobytes ou poucos megabytes;
uma base pode levar muitos; e, como a base continua lá, quase todos se desligam. `method.name: peft` é a porta para toda
técnica da biblioteca PEFT que o afinar não tem como método próprio (VeRA, OFT, BOFT, LoHa, LoKr, AdaLoRA, LN tuning, ...).

**Equação.** Sendo W os pesos congelados e θ os poucos que treinam,

    h = f(x; W, θ)        |θ| / |W| de 0,01 % (prompt, ia3) a alguns por cento (lora, bottleneck)

**Lado a lado.** Cada técnica com os ajustes padrão sobre o afinar-mini; a qualidade é em {HELD_OUT["resenhas"]}
resenhas e {HELD_OUT["noticias"]} trechos de notícias fora do treino, depois de um treino curto em uma thread de CPU,
semente 0. A memória é o que se soma à base congelada, sem as ativações.

{techniques("pt")}

Com tão poucas linhas, um ou dois pontos de acurácia são ruído. `afinar methods --model NOME` conta no seu modelo, e
`python -m benchmarks.cpu.methods` mede de novo.

**Quando usar.** Comece com `lora`: vai bem em quase tudo, funde-se à base e se desliga. Base grande demais para a
memória: `qlora`. Poucas linhas, ou centenas de adaptadores numa base: `ia3`, que também se funde. Nada dentro do
modelo pode mudar, ou pedidos com adaptadores diferentes dividem um lote: `prompt`,
`p_tuning` ou `prefix`. Adaptadores para empilhar ou trocar com o AdapterHub: `bottleneck`. Um
classificador em segundos, e o piso que todos os outros precisam superar: `head`.

**Quando não usar.** Com muitos dados e memória que baste, ou para ensinar uma língua ou um domínio novo, `full`
aprende mais. Os métodos de prompt pedem modelos grandes e taxas de aprendizado altas; em modelos pequenos ficam para
trás. O que se acrescenta sem se fundir (`bottleneck`, prompts, prefixos) custa um pouco de tempo a cada token gerado.

**Ajustes.** `peft_type`: a técnica, com o nome que o PEFT lhe dá. Todos os outros campos são os da classe de
configuração dela no PEFT instalado, conferidos pelo nome e pelo tipo antes de carregar um modelo.

**Memória.** A base congelada (2 bytes por peso em bfloat16, cerca de meio byte em NF4), 16 bytes por peso treinado, e as
ativações, de que toda técnica que treina dentro do modelo precisa do mesmo modo.

**Taxa de aprendizado.** 5e-4 para `method.name: peft`, a do LoRA (mais em modelos mais estreitos que 2.000). Técnicas que
treinam poucos vetores pedem dez vezes isso.

**Fontes.** Houlsby et al. 2019, arXiv:1902.00751; Lester et al. 2021, arXiv:2104.08691; He
et al. 2022, "Towards a Unified View of Parameter-Efficient Transfer
Learning", arXiv:2110.04366; Kopiczko et al. 2023 (VeRA), arXiv:2310.11454; a biblioteca: github.com/huggingface/peft.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name peft --method.peft_type VERA --method.r 64
"""

TEXT = Text(en=_EN, pt=_PT)

"""The page of `afinar explain lora`."""

from afinar.messages import Text

_EN = """\
# lora: low-rank adaptation

**What it is.** The pretrained weights are frozen, and beside each chosen matrix runs a narrow detour: down to r
numbers, and up again. Only the detour trains. The idea behind it: what a model must change for a new task is far
simpler than the model itself, so a correction of low rank is enough.

**Equation.**

    y = W x + s · B A x        A (r, in)    B (out, r)    s = alpha / r

A starts random and B at zero, so training starts exactly at the base model. Each matrix adds r · (in + out) weights: 4,096
instead of 65,536 for a square one of 256 with r = 8. Afterwards B A can be added into W (`afinar merge`), and the model is
as fast as before.

**When to use it.** First, nearly always: with hundreds to some tens of thousands of rows it comes close to full
fine-tuning, forgets less, and an adapter is a file of a few megabytes, so that one base can carry many of them.
Adapter and base can be compared in one process, because the adapter switches off.

**When not.** To teach much new knowledge (a language, a large domain) the rank is a limit: raise it, take
`target_modules: all-linear`, or go to full.

**Settings.** `r`: capacity, 8 to 64. `alpha`: the size of the update; keep alpha = 2 r to begin with.
`rank_stabilised`: s = alpha / √r, without which ranks above 32 hardly learn more than small ones. `dropout`: 0.05 to
0.1 with little data. `target_modules`: the attention projections (auto), or `all-linear`, which is closer to full
fine-tuning for two to three times the weights. `rank_pattern`: other ranks for some layers. `trainable_tokens`: the
embeddings of new tokens. The LM head gets an adapter only where it is named.

**Relatives.** `dora: true` trains the length of each row of a weight apart from its direction: often a little better at
low ranks, and slower. `initialisation: pissa` or `olora` starts from the weight's own largest directions in place of
random ones: often a quicker start.

**Memory.** The frozen base (2 bytes for each weight in bfloat16) and sixteen bytes for each adapter weight. For a
model of 7 billion weights with r = 8 on the attention projections: 13.5 GB and 0.13 GB, instead of 108 GB.
Activations come on top, as with every method that trains inside the model.

**Learning rate.** 5e-4 by default (more in models narrower than 2,000), ten times that of full fine-tuning.

**Sources.** Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685; Kalajdzievski 2023,
arXiv:2312.03732, for rank_stabilised; Biderman et al. 2024, "LoRA Learns Less and Forgets Less", arXiv:2405.09673;
Liu et al. 2024, arXiv:2402.09353, for DoRA; Meng et al. 2024, arXiv:2404.03592, for PiSSA; Büyükakyüz 2024,
arXiv:2406.01775, for OLoRA.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name lora --method.r 16 --method.alpha 32
"""

_PT = """\
# lora: adaptação de baixo posto

**O que é.** Os pesos pré-treinados ficam congelados, e ao lado de cada matriz escolhida corre um desvio estreito:
desce para r números e sobe de volta. Só o desvio é treinado. A ideia por trás: o que um modelo precisa mudar para uma
nova tarefa é muito mais simples que o próprio modelo, e uma correção de baixo posto basta.

**Equação.**

    y = W x + s · B A x        A (r, in)    B (out, r)    s = alpha / r

A começa aleatória e B, em zero; o treino parte exatamente do modelo base. Cada matriz acrescenta r · (in + out)
pesos: 4.096 em vez de 65.536 para uma quadrada de 256 com r = 8. Depois, B A pode ser somado a W (`afinar merge`), e
o modelo fica tão rápido quanto antes.

**Quando usar.** Quase sempre, como primeira escolha: com centenas a algumas dezenas de milhares de linhas, chega
perto do ajuste completo e esquece menos; e um adaptador é um arquivo de poucos megabytes, de modo que uma base pode
levar muitos. Base e adaptado se comparam no mesmo processo, porque o adaptador se desliga.

**Quando não usar.** Para ensinar muito conhecimento novo (uma língua, um domínio grande), o posto é um limite:
aumente-o, use `target_modules: all-linear` ou passe ao full.

**Ajustes.** `r`: capacidade, de 8 a 64. `alpha`: o tamanho da atualização; comece com alpha = 2 r. `rank_stabilised`:
s = alpha / √r, sem o que postos acima de 32 aprendem pouco mais que os pequenos. `dropout`: 0,05 a 0,1 com poucos
dados. `target_modules`: as projeções da atenção (auto) ou `all-linear`, mais próximo do ajuste completo por duas a
três vezes os pesos. `rank_pattern`: outros postos para algumas camadas. `trainable_tokens`: os embeddings de tokens
novos. A LM head só recebe adaptador quando escrita.

**Parentes.** `dora: true` treina o comprimento de cada linha de um peso separado de sua direção: muitas vezes um pouco
melhor com postos baixos, e mais lenta. `initialisation: pissa` ou `olora` parte das maiores direções do próprio peso,
em vez de aleatórias: muitas vezes um início mais rápido.

**Memória.** A base congelada (2 bytes por peso em bfloat16) e dezesseis bytes por peso do adaptador. Num modelo de 7
bilhões de pesos, com r = 8 nas projeções da atenção: 13,5 GB e 0,13 GB, em vez de 108 GB. As ativações se somam a
isso, como em todo método que treina dentro do modelo.

**Taxa de aprendizado.** 5e-4 por padrão (mais em modelos mais estreitos que 2.000), dez vezes a do ajuste completo.

**Fontes.** Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685; Kalajdzievski 2023,
arXiv:2312.03732, para rank_stabilised; Biderman et al. 2024, "LoRA Learns Less and Forgets Less", arXiv:2405.09673;
Liu et al. 2024, arXiv:2402.09353, para DoRA; Meng et al. 2024, arXiv:2404.03592, para PiSSA; Büyükakyüz 2024,
arXiv:2406.01775, para OLoRA.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name lora --method.r 16 --method.alpha 32
"""

TEXT = Text(en=_EN, pt=_PT)

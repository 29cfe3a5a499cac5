"""The page of `afinar explain ia3`."""

from afinar.messages import Text

_EN = """\
# ia3: (IA)³, scaling what flows through

**What it is.** The pretrained weights are frozen. In every layer three vectors turn single channels up or down: one
on the keys, one on the values, one inside the feed-forward. Nothing is added; what is there is inhibited or
amplified, hence the name.

**Equation.**

    k' = l_k ⊙ (W_k x)        v' = l_v ⊙ (W_v x)        y = W_2 (l_ff ⊙ σ(W_1 x))

Every l starts at one, so training starts exactly at the base model. Afterwards each can be multiplied into its weight
(`afinar merge`), and the model is as fast as before.

**When to use it.** With few rows (tens to hundreds): hardly anything can be overfitted with so few weights. Where
adapters must be tiny, for many of them on one base, and must still merge.

**When not.** With thousands of rows, or to teach something far from what the model knows: a channel can be scaled but
not redirected. Take LoRA.

**Settings.** None is needed. `target_modules` and `feedforward_modules` name the layers where `auto` has no record of
the architecture.

**Memory.** The frozen base, and sixteen bytes for each weight of a vector: for a model of 7 billion weights 614,400
of them, 10 MB. Activations come on top, as with every method that trains inside the model.

**Learning rate.** 3e-3 by default (more in models narrower than 2,000): a factor near one has far to go.

**Sources.** Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
Learning", arXiv:2205.05638.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name ia3
"""

_PT = """\
# ia3: (IA)³, escalar o que passa

**O que é.** Os pesos pré-treinados ficam congelados. Em cada camada, três vetores aumentam ou diminuem canais
isolados: um nas chaves, um nos valores, um dentro da feed-forward. Nada se acrescenta; o que está lá é inibido ou
amplificado, daí o nome.

**Equação.**

    k' = l_k ⊙ (W_k x)        v' = l_v ⊙ (W_v x)        y = W_2 (l_ff ⊙ σ(W_1 x))

Cada l começa em um; o treino parte exatamente do modelo base. Depois, cada um pode ser multiplicado em seu peso
(`afinar merge`), e o modelo fica tão rápido quanto antes.

**Quando usar.** Com poucas linhas (dezenas a centenas): com tão poucos pesos quase não há o que sobreajustar. Quando
os adaptadores precisam ser minúsculos, para ter muitos sobre uma base, e ainda assim se fundir.

**Quando não usar.** Com milhares de linhas, ou para ensinar algo distante do que o modelo sabe: um canal pode ser
escalado, mas não desviado. Use LoRA.

**Ajustes.** Nenhum é necessário. `target_modules` e `feedforward_modules` indicam as camadas quando `auto` não tem
registro da arquitetura.

**Memória.** A base congelada e dezesseis bytes por peso de um vetor: num modelo de 7 bilhões de pesos, 614.400 deles,
10 MB. As ativações se somam a isso, como em todo método que treina dentro do modelo.

**Taxa de aprendizado.** 3e-3 por padrão (mais em modelos mais estreitos que 2.000): um fator perto de um tem muito a
andar.

**Fontes.** Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
Learning", arXiv:2205.05638.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name ia3
"""

TEXT = Text(en=_EN, pt=_PT)

"""The page of `afinar explain full`."""

from afinar.messages import Text

_EN = """\
# full: full fine-tuning

**What it is.** Training goes on where pretraining stopped, with your data: every weight of the model is updated.
Nothing is added and nothing is frozen, so the result is an ordinary model of the same architecture.

**Equation.** For each weight matrix,

    W' = W + ΔW        ΔW of any rank, one value for each value of W

where ΔW is the sum of all optimizer steps.

**When to use it.** When you have much data (tens of thousands of rows and more), when the text is far from what the
model knows (another language, another domain), or when you pretrain a small model from scratch. It is also the
yardstick: a cheaper method is good when it comes close to this one.

**When not.** With little data it overfits soonest and forgets most of what the model could do. Each task needs a
whole copy of the model on disk. And it needs by far the most memory.

**Memory.** Sixteen bytes for each weight before the first activation: the float32 weight (4), its gradient (4) and
Adam's two moments (8). A model of 7 billion weights takes 108 GB; afinar-mini, a few million, about 0.1 GB. afinar
keeps trained weights in float32 because a bfloat16 weight near 1 cannot change by less than 0.0039: an Adam step of
5e-5 rounds away.

**Learning rate.** 5e-5 by default (more in models narrower than 2,000), ten times less than for LoRA: all weights move at
once.

**Source.** Radford et al. 2018, "Improving language understanding by generative pre-training", section 3.2, for the
two-stage recipe; Howard and Ruder 2018, "Universal language model fine-tuning for text classification",
arXiv:1801.06146.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name full
"""

_PT = """\
# full: ajuste completo

**O que é.** O treino continua de onde o pré-treino parou, com os seus dados: todos os pesos do modelo são
atualizados. Nada é acrescentado e nada é congelado; o resultado é um modelo comum, da mesma arquitetura.

**Equação.** Para cada matriz de pesos,

    W' = W + ΔW        ΔW de qualquer posto, um valor para cada valor de W

em que ΔW é a soma de todos os passos do otimizador.

**Quando usar.** Com muitos dados (dezenas de milhares de linhas ou mais), quando o texto está longe do que o modelo
conhece (outra língua, outro domínio) ou para pré-treinar do zero um modelo pequeno. É também a régua: um método mais
barato é bom quando chega perto deste.

**Quando não usar.** Com poucos dados, é o que mais cedo decora o treino e o que mais esquece do que o modelo sabia.
Cada tarefa ocupa uma cópia inteira do modelo no disco. E é, de longe, o que mais pede memória.

**Memória.** Dezesseis bytes por peso, antes da primeira ativação: o peso em float32 (4), seu gradiente (4) e os dois
momentos do Adam (8). Um modelo de 7 bilhões de pesos ocupa 108 GB; o afinar-mini, de alguns milhões, cerca de 0,1 GB.
O afinar guarda em float32 o que é treinado porque um peso bfloat16 perto de 1 não consegue mudar menos que 0,0039: um
passo de 5e-5 do Adam some no arredondamento.

**Taxa de aprendizado.** 5e-5 por padrão (mais em modelos mais estreitos que 2.000), dez vezes menor que a do LoRA: todos os
pesos se movem ao mesmo tempo.

**Fonte.** Radford et al. 2018, "Improving language understanding by generative pre-training", seção 3.2, para a
receita em duas etapas; Howard e Ruder 2018, "Universal language model fine-tuning for text classification",
arXiv:1801.06146.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name full
"""

TEXT = Text(en=_EN, pt=_PT)

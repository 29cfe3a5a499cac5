"""What `afinar explain TECHNIQUE` prints: one page of Markdown per technique."""

from afinar.messages import Text

_FULL_EN = """\
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

_FULL_PT = """\
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

_HEAD_EN = """\
# head: a classification head on a frozen model

**What it is.** The language model stays exactly as it is and only reads; a linear layer on top of it learns to name
the class. Researchers call it a linear probe, because it also shows what the model already knows: if a straight cut
through its hidden states separates the classes, the knowledge was there.

**Equation.** With h the hidden state of the last attended token of the text,

    logits = W h        W (classes, hidden)        p = softmax(logits)

Only W trains: classes × hidden weights, 512 for two classes and a hidden size of 256.

**When to use it.** As the first experiment on any classification task: it is the fastest, it can hardly overfit, and
it is the floor that every other method has to beat. Also when one frozen model must serve many classifiers at once.

**When not.** When the classes hang on something that the base does not represent, as with a small base or a subtle
task; then LoRA, which also changes the features, is usually several points better. It does not generate text: it
works with data that has `text` and `label`.

**Memory.** The frozen model (2 bytes for each weight in bfloat16) and next to nothing more. No gradient flows through
the model, so its activations are not kept either.

**Learning rate.** 1e-3 by default: one linear layer bears, and needs, larger steps.

**Source.** Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644.

**Try it.**

    afinar init my-classifier --template classification
    cd my-classifier
    afinar train config.yaml --method.name head
"""

_HEAD_PT = """\
# head: uma cabeça de classificação sobre um modelo congelado

**O que é.** O modelo de linguagem fica exatamente como está e apenas lê; sobre ele, uma camada linear aprende a dizer
a classe. Na pesquisa, chama-se sonda linear, porque também mostra o que o modelo já sabe: se um corte reto nos
estados ocultos separa as classes, o conhecimento já estava lá.

**Equação.** Sendo h o estado oculto do último token do texto (segundo a máscara de atenção, nunca o padding),

    logits = W h        W (classes, hidden)        p = softmax(logits)

Só W é treinada: classes × hidden pesos, isto é, 512 para duas classes e estados de tamanho 256.

**Quando usar.** Como primeiro experimento em qualquer tarefa de classificação: é o mais rápido, quase não tem como
decorar o treino e é o piso que todo outro método precisa superar. Também quando um só modelo congelado deve servir a
muitos classificadores.

**Quando não usar.** Quando as classes dependem de algo que a base não representa, como numa base pequena ou numa
tarefa sutil; nesses casos o LoRA, que muda também os atributos, costuma ser vários pontos melhor. Não gera texto:
trabalha com dados que têm `text` e `label`.

**Memória.** O modelo congelado (2 bytes por peso em bfloat16) e quase nada além. Nenhum gradiente passa pelo modelo,
então suas ativações também não são guardadas.

**Taxa de aprendizado.** 1e-3 por padrão: uma única camada linear suporta, e pede, passos maiores.

**Fonte.** Alain e Bengio 2016, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644.

**Experimente.**

    afinar init meu-classificador --template classification
    cd meu-classificador
    afinar train config.yaml --method.name head
"""

_LORA_EN = """\
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
fine-tuning for two to three times the weights. The LM head never gets an adapter.

**Memory.** The frozen base (2 bytes for each weight in bfloat16) and sixteen bytes for each adapter weight. For a
model of 7 billion weights with r = 8 on the attention projections: 13.5 GB and 0.13 GB, instead of 108 GB.
Activations come on top, as with every method that trains inside the model.

**Learning rate.** 5e-4 by default (more in models narrower than 2,000), ten times that of full fine-tuning.

**Sources.** Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685; Kalajdzievski 2023,
arXiv:2312.03732, for rank_stabilised; Biderman et al. 2024, "LoRA Learns Less and Forgets Less", arXiv:2405.09673.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name lora --method.r 16 --method.alpha 32
"""

_LORA_PT = """\
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
três vezes os pesos. A LM head nunca recebe adaptador.

**Memória.** A base congelada (2 bytes por peso em bfloat16) e dezesseis bytes por peso do adaptador. Num modelo de 7
bilhões de pesos, com r = 8 nas projeções da atenção: 13,5 GB e 0,13 GB, em vez de 108 GB. As ativações se somam a
isso, como em todo método que treina dentro do modelo.

**Taxa de aprendizado.** 5e-4 por padrão (mais em modelos mais estreitos que 2.000), dez vezes a do ajuste completo.

**Fontes.** Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685; Kalajdzievski 2023,
arXiv:2312.03732, para rank_stabilised; Biderman et al. 2024, "LoRA Learns Less and Forgets Less", arXiv:2405.09673.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name lora --method.r 16 --method.alpha 32
"""

TEXTS = {
    "full": Text(en=_FULL_EN, pt=_FULL_PT),
    "head": Text(en=_HEAD_EN, pt=_HEAD_PT),
    "lora": Text(en=_LORA_EN, pt=_LORA_PT),
}

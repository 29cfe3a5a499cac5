"""The page of `afinar explain qlora`."""

from afinar.messages import Text
from afinar.messages.pages.measured import bases, quantised_methods

_EN = f"""\
# qlora: LoRA on a base in 4 bits

**What it is.** The pretrained weights, which only have to be read, are kept in 4 bits each; a LoRA beside them trains in
full precision. A model that needs 16 bytes a weight for full fine-tuning and 2 for LoRA then needs about half a byte, which
is what brings 7 billion weights onto a card of 6 GB. In afinar it is `method: lora` on `model.quantize: nf4`;
`method.name: qlora` is written out to that, with the customary settings.

**Equation.** Per block of 64 weights with the largest magnitude c, each weight is the nearest of 16 levels q:

    W ≈ c · q[i]        y = (c · q[i]) x + s · B A x

The levels are quantiles of a normal distribution, as pretrained weights are nearly normal. They are turned back into
bfloat16 (or float32) for each product, so the arithmetic is not in 4 bits; gradients flow through them into A and B.

**Its parts.** NF4: the 16 levels. Double quantisation: the factors c are quantised too, in 8 bits, which saves 0.37 bits a
weight (4.127 instead of 4.5). Paged optimizer: AdamW's moments in 8 bits, in memory that moves between card and host when
the card is full (`training.optimizer: paged_adamw_8bit`, CUDA only). LoRA on all linear layers: the paper found that this,
and not the rank, is what it takes to match full fine-tuning.

**Measured here.** afinar-mini, one CPU thread. The bases as they are, speeds as shares of
float32's:

{bases("en")}

And trained on the same rows, each at its automatic learning rate:

{quantised_methods("en")}

On the CPU a 4-bit layer is turned back for each product, without the fused kernels that a GPU has; in a model of this
size that is lost in the noise of a shared machine (a base's speed differed by a third from round to round). In a model
as small as this one the embeddings, which are never quantised, are two fifths of the weights; in a model of 7 billion
they are four per cent.

**When to use it.** The model fits into memory only in 4 bits; or fits otherwise, and you would rather have longer rows.

**When not.** The model fits in bfloat16: `lora` turns nothing back and loses nothing to rounding. To train all weights: 4-bit
weights have no gradient (`full` is refused). To merge: the update is folded into the base in bfloat16, and the merged
model is not quite the one that was trained; `afinar merge` measures the difference.

**Advantages.** An eighth of float32's weight memory; adapters as small as LoRA's; quality close to 16 bits.
**Limits.** Each product pays for turning weights back; the base has lost a little before training begins (the table's first
lines); activations and the adapter's optimizer are not smaller.

**Hardware.** bitsandbytes (`pip install 'afinar[gpu]'`) on an NVIDIA card of the Turing generation or newer, or any
x86-64 CPU, slowly. Reckoned for NF4 with double quantisation, r = 16 on all linear layers and rows of 512 tokens,
without the 0.3 to 0.6 GB that CUDA itself takes: 4.5 GB for 7 billion weights, 8.2 GB for 13 billion, 19 GB for 33
billion.

**Memory.** 0.52 bytes for each weight of a linear layer, 2 for embeddings and head, 16 for each adapter weight, and
activations.

**Learning rate.** 2e-4 by default on quantised bases (more in models narrower than 2,000).

**Sources.** Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", arXiv:2305.14314; Hu et al. 2021,
arXiv:2106.09685.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name qlora
"""

_PT = f"""\
# qlora: LoRA sobre uma base em 4 bits

**O que é.** Os pesos pré-treinados, que só precisam ser lidos, ficam em 4 bits cada; ao lado deles, um LoRA treina em
precisão plena. Um modelo que pede 16 bytes por peso no ajuste completo e 2 no LoRA passa a pedir cerca de meio byte,
e é isso que leva 7 bilhões de pesos a uma placa de 6 GB. No afinar, é `method: lora` sobre `model.quantize: nf4`;
`method.name: qlora` é escrito assim por extenso, com os ajustes de costume.

**Equação.** Em cada bloco de 64 pesos com maior magnitude c, cada peso é o mais próximo de 16 níveis q:

    W ≈ c · q[i]        y = (c · q[i]) x + s · B A x

Os níveis são quantis de uma distribuição normal, porque os pesos pré-treinados são quase normais. Eles voltam a bfloat16 (ou
float32) a cada produto; a aritmética, portanto, não é em 4 bits, e os gradientes passam por eles até A e B.

**Suas partes.** NF4: os 16 níveis. Quantização dupla: os fatores c também são quantizados, em 8 bits, o que poupa
0,37 bit por peso (4,127 em vez de 4,5). Otimizador paginado: os momentos do AdamW em 8 bits, numa memória que se move
entre a placa e a máquina quando a placa enche (`training.optimizer: paged_adamw_8bit`, só em CUDA). LoRA em todas as
camadas lineares: o artigo viu que é isso, e não o posto, que faz alcançar o ajuste completo.

**Medido aqui.** afinar-mini, uma thread de CPU. As bases como são, velocidades em
relação à do float32:

{bases("pt")}

E treinadas nas mesmas linhas, cada uma com sua taxa automática:

{quantised_methods("pt")}

Na CPU, uma camada em 4 bits é convertida a cada produto, sem os kernels fundidos que uma GPU tem; num modelo deste
tamanho isso some no ruído de uma máquina compartilhada (a velocidade de uma base variou em um terço de uma rodada a outra).
Num modelo pequeno como este, os embeddings, que nunca são quantizados, são dois quintos dos pesos; num de 7 bilhões,
são quatro por cento.

**Quando usar.** O modelo só cabe na memória em 4 bits; ou cabe de outro modo, e você prefere linhas mais longas.

**Quando não usar.** O modelo cabe em bfloat16: `lora` não converte nada e nada perde por arredondamento. Para treinar
todos os pesos: pesos em 4 bits não têm gradiente (`full` é recusado). Para fundir: a atualização é incorporada à base
em bfloat16, e o modelo fundido não é exatamente o que foi treinado; `afinar merge` mede a diferença.

**Vantagens.** Um oitavo da memória de pesos do float32; adaptadores tão pequenos quanto os do LoRA; qualidade próxima
da de 16 bits. **Limites.** Todo produto paga a conversão dos pesos; a base perde um pouco antes mesmo do treino (as
primeiras linhas da tabela); as ativações e o otimizador do adaptador não diminuem.

**Hardware.** bitsandbytes (`pip install 'afinar[gpu]'`) numa placa NVIDIA da geração Turing ou mais nova, ou em
qualquer CPU x86-64, devagar. Calculado para NF4 com quantização dupla, r = 16 em todas as camadas lineares e linhas
de 512 tokens, sem os 0,3 a 0,6 GB que o próprio CUDA ocupa: 4,5 GB para 7 bilhões de pesos, 8,2 GB para 13 bilhões,
19 GB para 33 bilhões.

**Memória.** 0,52 byte por peso de camada linear, 2 nos embeddings e na cabeça, 16 por peso do adaptador, mais as ativações.

**Taxa de aprendizado.** 2e-4 por padrão em bases quantizadas (mais em modelos mais estreitos que 2.000).

**Fontes.** Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", arXiv:2305.14314; Hu et al. 2021,
arXiv:2106.09685.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name qlora
"""

TEXT = Text(en=_EN, pt=_PT)

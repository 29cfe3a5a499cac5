"""The page of `afinar explain p_tuning`."""

from afinar.messages import Text

_EN = """\
# p_tuning: a prompt made by an encoder

**What it is.** Learnt vectors before every text, as in prompt tuning, but not trained one by one: a small network
makes them, and it is the network that trains. It ties the virtual tokens to each other, which lets them move together
and makes training less dependent on where they start. Afterwards only what the network gives is needed.

**Equation.**

    h = decoder([p_1 … p_P, embed(x_1) … embed(x_T)])        p = encoder(E)        E (P, D)

The encoder is an mlp (three layers on each token) or an lstm (along the prompt in both directions, then two layers).

**When to use it.** Where a prompt is the right thing (a large model that knows the task, many tasks on one base) and
prompt tuning learns slowly or differently with every seed. The paper's field is understanding: classification,
extraction.

**When not.** Where memory counts while training: the encoder of a wide model is large (lower `encoder_hidden_size`).
With small models, or to teach anything new, take LoRA. It takes P positions of every text, and cannot be merged.

**Settings.** `virtual_tokens`: 10 to 100. `encoder`: mlp or lstm. `encoder_hidden_size`: as wide as the embeddings
unless you say less. `encoder_layers` and `dropout`: the lstm's.

**Memory.** The frozen base, and sixteen bytes for each weight of the encoder: for a model of 7 billion weights and an
mlp of its width 0.8 GB, for one of width 512 less than a tenth of that. Activations come on top, as with every method
whose gradient runs through the model.

**Learning rate.** 5e-4 by default (more in models narrower than 2,000).

**Sources.** Liu et al. 2021, "GPT Understands, Too", arXiv:2103.10385.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name p_tuning --method.encoder lstm
"""

_PT = """\
# p_tuning: um prompt feito por um codificador

**O que é.** Vetores aprendidos antes de cada texto, como no prompt tuning, mas não treinados um a um: uma pequena
rede os gera, e é ela que é treinada. Ela liga os tokens virtuais uns aos outros: eles se movem juntos, e o treino
depende menos de onde partem. Depois, só o que a rede gera é necessário.

**Equação.**

    h = decoder([p_1 … p_P, embed(x_1) … embed(x_T)])        p = encoder(E)        E (P, D)

O codificador é um mlp (três camadas sobre cada token) ou um lstm (pelo prompt nos dois sentidos, depois duas
camadas).

**Quando usar.** Quando um prompt é o caminho (um modelo grande que conhece a tarefa, muitas tarefas sobre uma base) e
o prompt tuning aprende devagar ou de um jeito a cada semente. O campo do artigo é a compreensão: classificação,
extração.

**Quando não usar.** Se a memória do treino conta: o codificador de um modelo largo é grande (diminua
`encoder_hidden_size`). Com modelos pequenos, ou para ensinar algo novo, use LoRA. Ele ocupa P posições de cada texto
e não se funde.

**Ajustes.** `virtual_tokens`: de 10 a 100. `encoder`: mlp ou lstm. `encoder_hidden_size`: a largura dos embeddings,
se você não disser menos. `encoder_layers` e `dropout`: do lstm.

**Memória.** A base congelada e dezesseis bytes por peso do codificador: num modelo de 7 bilhões de pesos, com um mlp
da largura dele, 0,8 GB; com um de largura 512, menos de um décimo disso. As ativações se somam a isso, como em todo
método cujo gradiente atravessa o modelo.

**Taxa de aprendizado.** 5e-4 por padrão (mais em modelos mais estreitos que 2.000).

**Fontes.** Liu et al. 2021, "GPT Understands, Too", arXiv:2103.10385.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name p_tuning --method.encoder lstm
"""

TEXT = Text(en=_EN, pt=_PT)

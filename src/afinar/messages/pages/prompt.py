"""The page of `afinar explain prompt`."""

from afinar.messages import Text

_EN = """\
# prompt: prompt tuning

**What it is.** A few learnt vectors stand before every text, as if somebody had written a perfect instruction, in
words that no vocabulary has. The model itself is frozen; only those vectors train. The same model serves any number
of tasks, each with its own prompt of a few kilobytes.

**Equation.**

    h = decoder([p_1 … p_P, embed(x_1) … embed(x_T)])        p (P, D), trained

D is the width of the token embeddings, so P · D weights train: 5,120 for 20 virtual tokens and a width of 256. The
prompt's own positions are taken out of the result again: the same tokens are scored with the prompt and without it.

**When to use it.** With a large model that can do the task already if it is asked well; the larger the model, the
smaller the distance to full fine-tuning (at ten billion weights there was hardly any left in the paper). And where
many small tasks share one base.

**When not.** With small models, and to teach anything new: the prompt can only bring out what is there, and every
layer stays as it was. Take LoRA. It also takes P positions of every text, and cannot be merged.

**Settings.** `virtual_tokens`: 10 to 100. `init`: vocabulary (embeddings of random tokens), random, or text, which
begins with the words of `init_text` and learns fastest.

**Memory.** The frozen base, and sixteen bytes for each weight of the prompt, which is next to nothing. Activations
come on top, as with every method whose gradient runs through the model.

**Learning rate.** 1e-2 by default (more in models narrower than 2,000): few weights, far from what they influence.

**Sources.** Lester, Al-Rfou & Constant 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning",
arXiv:2104.08691.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name prompt --method.virtual_tokens 20
"""

_PT = """\
# prompt: prompt tuning

**O que é.** Alguns vetores aprendidos vêm antes de cada texto, como se alguém tivesse escrito uma instrução perfeita
em palavras que nenhum vocabulário tem. O modelo em si fica congelado; só esses vetores são treinados. O mesmo modelo
atende a quantas tarefas se queira, cada uma com seu prompt de poucos kilobytes.

**Equação.**

    h = decoder([p_1 … p_P, embed(x_1) … embed(x_T)])        p (P, D), treinado

D é a largura dos embeddings dos tokens; treinam-se P · D pesos: 5.120 com 20 tokens virtuais e largura de 256. As
posições do próprio prompt saem do resultado: os mesmos tokens são pontuados com e sem ele.

**Quando usar.** Com um modelo grande, que já sabe fazer a tarefa se lhe perguntam bem; quanto maior o modelo, menor a
distância para o ajuste completo (com dez bilhões de pesos, no artigo, já quase não havia). E quando muitas tarefas
pequenas partilham uma base.

**Quando não usar.** Com modelos pequenos, e para ensinar algo novo: o prompt só faz aparecer o que já está lá, e cada
camada fica como era. Use LoRA. Além disso, ele ocupa P posições de cada texto e não se funde.

**Ajustes.** `virtual_tokens`: de 10 a 100. `init`: vocabulary (embeddings de tokens sorteados), random ou text, que
começa com as palavras de `init_text` e é o que aprende mais rápido.

**Memória.** A base congelada e dezesseis bytes por peso do prompt, quase nada. As ativações se somam a isso, como em
todo método cujo gradiente atravessa o modelo.

**Taxa de aprendizado.** 1e-2 por padrão (mais em modelos mais estreitos que 2.000): poucos pesos, longe do que
influenciam.

**Fontes.** Lester, Al-Rfou & Constant 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning",
arXiv:2104.08691.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name prompt --method.virtual_tokens 20
"""

TEXT = Text(en=_EN, pt=_PT)

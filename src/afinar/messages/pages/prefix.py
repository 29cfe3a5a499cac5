"""The page of `afinar explain prefix`."""

from afinar.messages import Text

_EN = """\
# prefix: prefix tuning

**What it is.** Attention reads from a memory of keys and values, one pair for each earlier token. Prefix tuning writes a few
entries into that memory that no text could have put there, in every layer, and trains them; the model itself is frozen. The
model then behaves as if it had read a very apt introduction.

**Equation.**

    y = softmax( s · q · [K_P ; K]ᵀ ) [V_P ; V]        K_P, V_P (P, width of the keys), one pair for each layer

P is `virtual_tokens`. That makes P · 2 · layers · width weights. With `projection` a small perceptron makes the prefix
while it trains, and is left behind afterwards.

**When to use it.** For generation with few rows, and for many tasks on one served base: a prefix is the smallest change that
reaches every layer, and it switches off exactly. It works with packed rows, gradient checkpointing and quantised bases.

**When not.** Small models, and tasks far from what the model knows: a prefix steers what is there and adds little. It
cannot be merged, and every later token attends to P more positions. LoRA is more robust to its settings.

**Settings.** `virtual_tokens`: 5 to 30 for classification, 10 to 200 for generation. `projection`: true where training is
unsteady. `encoder_hidden_size`: the perceptron's width. `init`: vocabulary (auto), the keys and values of sampled tokens, from
which training starts better than from random numbers. `dropout`: 0.1 with little data.

**Memory.** The frozen base and sixteen bytes for each weight of the prefix: for a model of 7 billion weights with 20
virtual tokens 5.2 million weights, 0.08 GB. A projection of the keys' width has a thousand million weights there; choose a
narrower one. Activations come on top, as with every method that trains inside the model.

**Learning rate.** 1e-2 by default (more in models narrower than 2,000): a prefix is small, and wants large steps.

**Sources.** Li & Liang 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", arXiv:2101.00190; Liu et al. 2022,
"P-Tuning v2", arXiv:2110.07602.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name prefix --method.virtual_tokens 20
"""

_PT = """\
# prefix: prefix tuning

**O que é.** A atenção lê de uma memória de chaves e valores, um par para cada token anterior. O prefix tuning escreve nessa
memória, em cada camada, algumas entradas que nenhum texto poderia ter posto ali, e as treina; o modelo em si fica
congelado. Ele passa a se comportar como se tivesse lido uma introdução muito bem escolhida.

**Equação.**

    y = softmax( s · q · [K_P ; K]ᵀ ) [V_P ; V]        K_P, V_P (P, largura das chaves), um par por camada

P é `virtual_tokens`. São P · 2 · camadas · largura pesos. Com `projection`, um pequeno perceptron produz o prefixo
durante o treino, e depois é deixado de lado.

**Quando usar.** Para geração com poucas linhas, e para muitas tarefas sobre uma só base em serviço: um prefixo é a menor
mudança que alcança todas as camadas, e se desliga com exatidão. Funciona com linhas empacotadas, gradient checkpointing e
bases quantizadas.

**Quando não usar.** Em modelos pequenos e em tarefas longe do que o modelo sabe: um prefixo conduz o que já existe e
acrescenta pouco. Não pode ser fundido, e cada token seguinte atende a P posições a mais. A LoRA é mais robusta aos ajustes.

**Ajustes.** `virtual_tokens`: de 5 a 30 para classificação, de 10 a 200 para geração. `projection`: true se o treino é
instável. `encoder_hidden_size`: a largura do perceptron. `init`: vocabulary (auto), as chaves e valores de tokens
sorteados, de onde o treino parte melhor que de números aleatórios. `dropout`: 0,1 com poucos dados.

**Memória.** A base congelada e dezesseis bytes por peso do prefixo: num modelo de 7 bilhões de pesos com 20 tokens
virtuais, 5,2 milhões de pesos, 0,08 GB. Uma projeção da largura das chaves tem ali um bilhão de pesos; escolha uma mais
estreita. As ativações se somam a isso, como em todo método que treina dentro do modelo.

**Taxa de aprendizado.** 1e-2 por padrão (mais em modelos mais estreitos que 2.000): um prefixo é pequeno e pede passos
grandes.

**Fontes.** Li & Liang 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", arXiv:2101.00190; Liu et al.
2022, "P-Tuning v2", arXiv:2110.07602.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name prefix --method.virtual_tokens 20
"""

TEXT = Text(en=_EN, pt=_PT)

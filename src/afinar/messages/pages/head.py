"""The page of `afinar explain head`."""

from afinar.messages import Text

_EN = """\
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

**Learning rate.** 2e-3 by default (more in models narrower than 2,000): one linear layer bears, and needs, larger steps.

**Source.** Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644.

**Try it.**

    afinar init my-classifier --template classification
    cd my-classifier
    afinar train config.yaml --method.name head
"""

_PT = """\
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

**Taxa de aprendizado.** 2e-3 por padrão (mais em modelos mais estreitos que 2.000): uma única camada linear suporta, e pede,
passos maiores.

**Fonte.** Alain e Bengio 2016, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644.

**Experimente.**

    afinar init meu-classificador --template classification
    cd meu-classificador
    afinar train config.yaml --method.name head
"""

TEXT = Text(en=_EN, pt=_PT)

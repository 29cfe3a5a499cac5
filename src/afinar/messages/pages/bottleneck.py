"""The page of `afinar explain bottleneck`."""

from afinar.messages import Text

_EN = """\
# bottleneck: adapters beside each sub-layer

**What it is.** The pretrained model is frozen, and small networks of two layers are put into each of its layers: one
brings the hidden state down to a few units, the other back up to the model's width, with an activation between them.
What comes out is added to what attention or feed-forward gives. Only these networks train. They are the oldest of the
parameter-efficient methods, and the only one here that adds nonlinear computation.

**Equation.** With h what a sub-layer adds to the residual stream x,

    h' = h + s · U act(D u + d) + e        D (S, H)    U (H, S)

u is h itself (placement houlsby), x + h (pfeiffer) or x (parallel). U starts at zero, so training starts exactly at the
base model. Each adapter has 2 · H · S + S + H weights: 8,464 for a width H of 256 and S = 16 units.

**When to use it.** As an alternative to LoRA where the task needs new computation rather than a correction of the
weights: other formats, classifications far from what the model does. A reduction factor of 16 is a good start.
Adapters that AdapterHub trained load here, and these there.

**When not.** When the model must be as fast as before: an adapter depends on the input and cannot be merged into the
weights, so each layer does a little more work for ever. LoRA folds away.

**Settings.** `placement`: houlsby (after attention and feed-forward), pfeiffer (after feed-forward only, half the
weights), parallel (beside feed-forward, scaled by 4). `reduction_factor` or `size`: the adapter's width. `activation`,
`dropout`, `scaling` (a number, learned, or channel). The full list is on the method's page.

**Memory.** The frozen base (2 bytes for each weight in bfloat16) and sixteen bytes for each adapter weight. For a model
of 7 billion weights (H = 4,096, 32 layers) with houlsby and a reduction factor of 16: 134.5 million weights, 2.0 % of
the model, 2.2 GB beside the base's 13.5. Pfeiffer takes half of that.

**Learning rate.** 5e-4 by default (more in models narrower than 2,000), as with LoRA.

**Sources.** Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", arXiv:1902.00751; Pfeiffer et al. 2020,
"AdapterFusion", arXiv:2005.00247; He et al. 2022, "Towards a Unified View of Parameter-Efficient Transfer Learning",
arXiv:2110.04366.

**Try it.**

    afinar init my-project --template instructions
    cd my-project
    afinar train config.yaml --method.name bottleneck --method.placement pfeiffer
"""

_PT = """\
# bottleneck: adaptadores ao lado de cada subcamada

**O que é.** O modelo pré-treinado fica congelado, e em cada uma de suas camadas entram pequenas redes de duas camadas:
uma leva o estado oculto a poucas unidades, a outra o traz de volta à largura do modelo, com uma ativação entre elas. O
que sai é somado ao que a atenção ou o feed-forward dá. Só essas redes são treinadas. É o mais antigo dos métodos
eficientes em parâmetros, e o único daqui que acrescenta computação não linear.

**Equação.** Sendo h o que uma subcamada soma ao fluxo residual x,

    h' = h + s · U act(D u + d) + e        D (S, H)    U (H, S)

u é o próprio h (colocação houlsby), x + h (pfeiffer) ou x (parallel). U começa em zero; o treino parte exatamente do
modelo base. Cada adaptador tem 2 · H · S + S + H pesos: 8.464 para uma largura H de 256 e S = 16 unidades.

**Quando usar.** Como alternativa ao LoRA quando a tarefa pede computação nova, mais que uma correção dos pesos: outros
formatos, classificações distantes do que o modelo faz. Um fator de redução de 16 é um bom começo. Adaptadores treinados
no AdapterHub carregam aqui, e os daqui, lá.

**Quando não usar.** Quando o modelo precisa ser tão rápido quanto antes: um adaptador depende da entrada e não se funde
aos pesos, de modo que cada camada trabalha um pouco mais para sempre. O LoRA se dobra para dentro deles.

**Ajustes.** `placement`: houlsby (depois da atenção e do feed-forward), pfeiffer (só depois do feed-forward, metade dos
pesos), parallel (ao lado do feed-forward, com escala 4). `reduction_factor` ou `size`: a largura do adaptador.
`activation`, `dropout`, `scaling` (um número, learned ou channel). A lista completa está na página do método.

**Memória.** A base congelada (2 bytes por peso em bfloat16) e dezesseis bytes por peso dos adaptadores. Num modelo de 7
bilhões de pesos (H = 4.096, 32 camadas), com houlsby e fator de redução 16: 134,5 milhões de pesos, 2,0 % do modelo,
2,2 GB além dos 13,5 da base. Pfeiffer usa metade disso.

**Taxa de aprendizado.** 5e-4 por padrão (mais em modelos mais estreitos que 2.000), como no LoRA.

**Fontes.** Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", arXiv:1902.00751; Pfeiffer et al. 2020,
"AdapterFusion", arXiv:2005.00247; He et al. 2022, "Towards a Unified View of Parameter-Efficient Transfer Learning",
arXiv:2110.04366.

**Experimente.**

    afinar init meu-projeto --template instructions
    cd meu-projeto
    afinar train config.yaml --method.name bottleneck --method.placement pfeiffer
"""

TEXT = Text(en=_EN, pt=_PT)

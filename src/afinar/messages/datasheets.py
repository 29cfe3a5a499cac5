"""The page of the suites that ship with the package."""

from afinar.messages import Text

TEXTS = {
    "title": Text(en="Shipped suites", pt="Suítes embutidas"),
    "about": Text(
        en="Eight suites in Portuguese and their counterparts in English ship with the package: written for this "
        "project, small enough to read in full, and free to copy and change. This page is made from the suites "
        "themselves (`python -m afinar.audit.datasheets`). How a suite is put to a model is in [Audits](audit.md); "
        "what each key means is in [Suites](suites.md).",
        pt="Oito suítes em português e suas contrapartes em inglês vêm com o pacote: escritas para este projeto, "
        "pequenas o bastante para serem lidas por inteiro, livres para copiar e mudar. Esta página é feita das "
        "próprias suítes (`python -m afinar.audit.datasheets`). Como uma suíte é aplicada a um modelo está em "
        "[Auditorias](audit.md); o que cada chave quer dizer, em [Suítes](suites.md).",
    ),
    "modesty": Text(
        en="No suite shows that a model is good. Each finds certain differences and failures, at its size, in its texts; "
        "each datasheet says which, and which not. A model that passes everything here has passed these cases.",
        pt="Nenhuma suíte mostra que um modelo é bom. Cada uma encontra certas diferenças e falhas, no seu tamanho, nos "
        "seus textos; cada ficha diz quais, e quais não. Um modelo que passa em tudo aqui passou nestes casos.",
    ),
    "counts": Text(
        en="*Texts* are what a model is asked once templates, pairs and perturbations are expanded (as many as all case "
        "kinds can ask; a classifier is asked fewer). *Pairs*: of texts that differ in nothing but the group, each after "
        "the first makes one; a sentence and the same with two groups' roles swapped make one.",
        pt="*Textos* são o que se pergunta a um modelo depois de expandidos os moldes, os pares e as perturbações (todos "
        "os que os casos podem perguntar; a um classificador perguntam-se menos). *Pares*: de textos que só diferem no "
        "grupo, cada um depois do primeiro faz um; uma frase e a mesma com os papéis de dois grupos trocados fazem um.",
    ),
    "gates": Text(
        en="Most categories have the gate `no_worse`: the audit fails where the adapted model is worse than its base beyond "
        "chance. Categories that ask for the same label have none: a base that says the same to everything, such as a "
        "classifier's untrained head, passes them all, and whoever has learned something would look worse. There the "
        "differences are measured and shown. No other threshold is set, since none would hold for every use; copy the file "
        "and set yours.",
        pt="A maioria das categorias tem o limite `no_worse`: a auditoria reprova quando o modelo adaptado é pior do que a "
        "base além do acaso. As que pedem o mesmo rótulo não têm: uma base que diz o mesmo a tudo, como a cabeça sem treino "
        "de um classificador, passa em todas, e quem aprendeu alguma coisa pareceria pior. Ali, as diferenças são medidas e "
        "mostradas. Nenhum outro é posto, porque nenhum valeria para todo uso; copie o arquivo e ponha os seus.",
    ),
    "aliases": Text(
        en="The suites with labels name them `positivo` / `negativo` or `positive` / `negative`, and know a classifier's "
        "labels under either language and as `pos` / `neg`. Names such as `LABEL_1` are not guessed: which one is "
        "positive would be a guess. Copy the suite and add your classifier's names to `labels`.",
        pt="As suítes com rótulos os chamam de `positivo` / `negativo` ou `positive` / `negative` e reconhecem os de um "
        "classificador nas duas línguas e como `pos` / `neg`. Nomes como `LABEL_1` não são adivinhados: qual deles é "
        "o positivo seria um palpite. Copie a suíte e acrescente os nomes do seu classificador a `labels`.",
    ),
    "suite": Text(en="suite", pt="suíte"),
    "language": Text(en="language", pt="língua"),
    "version": Text(en="version", pt="versão"),
    "cases": Text(en="cases", pt="casos"),
    "texts": Text(en="texts", pt="textos"),
    "pairs": Text(en="pairs", pt="pares"),
    "classifiers": Text(en="classifiers", pt="classificadores"),
    "category": Text(en="category", pt="categoria"),
    "measures": Text(en="measures", pt="mede"),
    "meaning": Text(en="what it is", pt="o que é"),
    "yes": Text(en="yes", pt="sim"),
    "part": Text(en="in part", pt="em parte"),
    "no": Text(en="no", pt="não"),
    "shows": Text(en="Shows", pt="Mostra"),
    "does_not_show": Text(en="Does not show", pt="Não mostra"),
    "made": Text(en="How it was made", pt="Como foi feita"),
    "licence": Text(en="Licence", pt="Licença"),
    "measure_capability": Text(en="capability", pt="capacidade"),
    "measure_robustness": Text(en="robustness", pt="robustez"),
    "measure_bias": Text(en="bias", pt="viés"),
    "measure_content": Text(en="content", pt="conteúdo"),
    "measure_privacy": Text(en="privacy", pt="privacidade"),
    "measure_variety": Text(en="variety", pt="variedade"),
    "measure_forgetting": Text(en="forgetting", pt="esquecimento"),
}

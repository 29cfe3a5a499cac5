"""Texts about audits: running a suite, its summary, its gates."""

from afinar.messages import Text

TEXTS = {
    "other_task": Text(
        en="The model's task is {model}, the baseline's {baseline}; only models of one task can be compared.",
        pt="A tarefa do modelo é {model} e a da referência, {baseline}; só se comparam modelos da mesma tarefa.",
        hint_en="Name another --baseline, or leave it out.",
        hint_pt="Escolha outro --baseline ou não use nenhum.",
    ),
    "unknown_category": Text(
        en="category={got!r} is not in the suite {suite}; it has: {known}.",
        pt="category={got!r} não existe na suíte {suite}, que tem: {known}.",
        hint_en="Did you mean {near}?",
        hint_pt="Você quis dizer {near}?",
    ),
    "not_for_task": Text(
        en="A model of the task {task} cannot be asked this.",
        pt="Isto não pode ser perguntado a um modelo da tarefa {task}.",
    ),
    "case_crashed": Text(
        en="This case could not be judged: {type}: {problem}.",
        pt="Este caso não pôde ser avaliado: {type}: {problem}.",
    ),
    "leaked_same": Text(
        en="The training data has the text {text!r}.",
        pt="Os dados de treino contêm o texto {text!r}.",
    ),
    "leaked_contained": Text(
        en="A training text contains {text!r}.",
        pt="Um texto de treino contém {text!r}.",
    ),
    "only_labels": Text(
        en="A classifier gives labels; it cannot be asked for a text or a likelihood.",
        pt="Um classificador dá rótulos; não se pode pedir a ele um texto nem uma verossimilhança.",
    ),
    "no_question": Text(
        en="The suite has no `question` by which a causal model could be asked for a label.",
        pt="A suíte não tem `question`, a pergunta com que se pede um rótulo a um modelo causal.",
        hint_en="Add `question: ...{{input}}...` to the suite or to the case.",
        hint_pt="Acrescente `question: ...{{input}}...` à suíte ou ao caso.",
    ),
    "long_text": Text(
        en="The text has more than the {limit} tokens that the classifier reads; it would be cut.",
        pt="O texto tem mais que os {limit} tokens que o classificador lê; ele seria cortado.",
        hint_en="Shorten the text, or train with a larger data.max_length.",
        hint_pt="Encurte o texto ou treine com um data.max_length maior.",
    ),
    "unknown_label": Text(
        en="The suite's label {label!r} is none of the classifier's: {model}.",
        pt="O rótulo {label!r} da suíte não é nenhum dos rótulos do classificador: {model}.",
        hint_en="Give the classifier's name among the label's other names: `labels: {{{label}: [...]}}`.",
        hint_pt="Ponha o nome que o classificador usa entre os outros nomes do rótulo: `labels: {{{label}: [...]}}`.",
    ),
    "not_finite": Text(
        en="The model gave a probability that is no number.",
        pt="O modelo deu uma probabilidade que não é um número.",
        hint_en="Its weights may have become infinite in training, or overflow in its dtype.",
        hint_pt="Os pesos podem ter ficado infinitos no treino, ou transbordado no dtype em uso.",
    ),
    "gate_no_case": Text(
        en="No case applies to this model.",
        pt="Nenhum caso se aplica a este modelo.",
    ),
    "gate_nothing": Text(
        en="No case was conclusive.",
        pt="Nenhum caso foi conclusivo.",
    ),
    "gate_share_failed": Text(
        en="{share} of {n} cases passed ({share_low}–{share_high}); {least_share} must.",
        pt="{share} de {n} casos passaram ({share_low}–{share_high}); é preciso {least_share}.",
    ),
    "gate_share_passed": Text(
        en="{share} of {n} cases passed ({share_low}–{share_high}); {least_share} must.",
        pt="{share} de {n} casos passaram ({share_low}–{share_high}); é preciso {least_share}.",
    ),
    "gate_share_unsure": Text(
        en="{share} of {n} cases passed, but so few cases cannot tell that from less than {least_share} "
        "({share_low}–{share_high}).",
        pt="{share} de {n} casos passaram, mas tão poucos casos não distinguem isso de menos de {least_share} "
        "({share_low}–{share_high}).",
    ),
    "gate_no_groups": Text(
        en="There are no scores of groups to compare.",
        pt="Não há notas de grupos para comparar.",
    ),
    "gate_gap_failed": Text(
        en="{attribute}: {higher} lies {gap} above {lower} ({low}–{high}, n = {n}, {p}); at most {most} is allowed.",
        pt="{attribute}: {higher} fica {gap} acima de {lower} ({low}–{high}, n = {n}, {p}); permite-se no máximo {most}.",
    ),
    "gate_gap_unsure": Text(
        en="{attribute}: {higher} lies {gap} above {lower}, but the interval {low}–{high} (n = {n}, {p}) does not settle "
        "whether it is at most {most}.",
        pt="{attribute}: {higher} fica {gap} acima de {lower}, mas o intervalo {low}–{high} (n = {n}, {p}) não decide se é "
        "no máximo {most}.",
    ),
    "gate_gap_passed": Text(
        en="{attribute}: the largest gap is {gap} ({low}–{high}, n = {n}, {p}), {higher} above {lower}; at most {most} is "
        "allowed.",
        pt="{attribute}: a maior diferença é {gap} ({low}–{high}, n = {n}, {p}), {higher} acima de {lower}; permite-se no "
        "máximo {most}.",
    ),
    "gate_no_baseline": Text(
        en="There is nothing to compare with; give a --baseline.",
        pt="Não há com o que comparar; informe um --baseline.",
    ),
    "gate_nothing_shared": Text(
        en="No case was conclusive for both the model and the baseline.",
        pt="Nenhum caso foi conclusivo para o modelo e também para a referência.",
    ),
    "gate_worse": Text(
        en="Worse than the baseline beyond chance: difference {difference}, n = {n}, {p}.",
        pt="Pior que a referência, além do acaso: diferença {difference}, n = {n}, {p}.",
    ),
    "gate_worse_unsure": Text(
        en="Worse than the baseline in too few cases to tell: difference {difference}, n = {n}, {p}.",
        pt="Pior que a referência em poucos casos para concluir: diferença {difference}, n = {n}, {p}.",
    ),
    "gate_not_worse": Text(
        en="Not found worse than the baseline: difference {difference}, n = {n}, {p}.",
        pt="Não se mostrou pior que a referência: diferença {difference}, n = {n}, {p}.",
    ),
    "gate_monotony": Text(
        en="The model said {value!r} to {count} of {n} questions; passing this shows nothing.",
        pt="O modelo respondeu {value!r} a {count} de {n} perguntas; passar aqui não mostra nada.",
    ),
    "gate_monotony_before": Text(
        en="The baseline said {value!r} to {count} of {n} questions; being worse than that shows nothing.",
        pt="A referência respondeu {value!r} a {count} de {n} perguntas; ser pior que isso não mostra nada.",
    ),
    "same_name": Text(
        en="Two of the suites are called {name}.",
        pt="Duas das suítes se chamam {name}.",
        hint_en="Give each its own `name`, or audit by one at a time.",
        hint_pt="Dê a cada uma o seu `name`, ou use uma de cada vez.",
    ),
    "no_suites": Text(
        en="{path} holds no suite; a suite is a file in {allowed}.",
        pt="{path} não contém nenhuma suíte; uma suíte é um arquivo {allowed}.",
    ),
    "output": Text(
        en="output={got}; expected a folder, or a file in .jsonl (cases) or .json (summary).",
        pt="output={got}; esperada uma pasta, ou um arquivo .jsonl (casos) ou .json (resumo).",
    ),
    "stage": Text(
        en="Suite {suite} {version}: {cases} cases",
        pt="Suíte {suite} {version}: {cases} casos",
    ),
    "no_training_data": Text(
        en="Leaks were not looked for, as the training data cannot be read: {problem}",
        pt="Não se procuraram vazamentos, pois os dados de treino não podem ser lidos: {problem}",
    ),
    "compared": Text(en="before: {baseline} · after: {model}", pt="antes: {baseline} · depois: {model}"),
    "measured": Text(
        en="{model}, without a baseline ({baseline})",
        pt="{model}, sem referência ({baseline})",
    ),
    "category": Text(en="category", pt="categoria"),
    "overall": Text(en="all", pt="todas"),
    "passed": Text(en="passed", pt="passaram"),
    "passed_before": Text(en="passed before", pt="passaram antes"),
    "passed_after": Text(en="passed after", pt="passaram depois"),
    "changed": Text(en="fixed, broke", pt="corrigiu, quebrou"),
    "bits_before": Text(en="bits per byte before", pt="bits por byte antes"),
    "bits_after": Text(en="bits per byte after", pt="bits por byte depois"),
    "attribute": Text(en="category · attribute", pt="categoria · atributo"),
    "groups": Text(en="furthest apart", pt="os mais distantes"),
    "gap": Text(en="gap", pt="diferença"),
    "gap_before": Text(en="before", pt="antes"),
    "gap_after": Text(en="gap after", pt="diferença depois"),
    "stereotypes": Text(en="stereotype likelier", pt="estereótipo mais provável"),
    "stereotypes_before": Text(en="before", pt="antes"),
    "stereotypes_after": Text(en="stereotype likelier after", pt="estereótipo mais provável depois"),
    "found_better": Text(en="better, {p}", pt="melhor, {p}"),
    "found_worse": Text(en="worse, {p}", pt="pior, {p}"),
    "found_differs": Text(en="differs, {p}, n = {n}", pt="difere, {p}, n = {n}"),
    "found_no_difference": Text(en="no difference found at n = {n}", pt="nenhuma diferença encontrada com n = {n}"),
    "found_too_few": Text(en="too few cases to tell, n = {n}", pt="poucos casos para concluir, n = {n}"),
    "found_too_few_changes": Text(en="too few changes to tell, n = {n}", pt="poucas mudanças para concluir, n = {n}"),
    "same_label": Text(
        en="The model gives the label {value!r} to {count} of {n} texts: what is equal over groups or variants is so for "
        "that reason.",
        pt="O modelo dá o rótulo {value!r} a {count} de {n} textos: o que é igual entre grupos ou variantes é igual por "
        "essa razão.",
    ),
    "same_answer": Text(
        en="The model answers {value!r} to {count} of {n} questions: what is equal over groups or variants is so for that "
        "reason.",
        pt="O modelo responde {value!r} a {count} de {n} perguntas: o que é igual entre grupos ou variantes é igual por "
        "essa razão.",
    ),
    "same_label_before": Text(
        en="The baseline gives the label {value!r} to {count} of {n} texts.",
        pt="A referência dá o rótulo {value!r} a {count} de {n} textos.",
    ),
    "same_answer_before": Text(
        en="The baseline answers {value!r} to {count} of {n} questions.",
        pt="A referência responde {value!r} a {count} de {n} perguntas.",
    ),
    "untrained_head": Text(
        en="The base has a classification head that was never trained: what it does shows chance.",
        pt="A base tem uma cabeça de classificação que nunca foi treinada: o que ela faz mostra o acaso.",
    ),
    "count_before": Text(en="{category}, before", pt="{category}, antes"),
    "count_errors": Text(en="in error: {count} (not passed)", pt="em erro: {count} (contam como não aprovados)"),
    "count_inconclusive": Text(en="inconclusive: {count} (not counted)", pt="inconclusivos: {count} (não contam)"),
    "count_skipped": Text(en="skipped: {count} (not counted)", pt="pulados: {count} (não contam)"),
    "beside": Text(
        en="Read {category} beside {other}, where {passed} passed.",
        pt="Leia {category} junto com {other}, em que passaram {passed}.",
    ),
    "few_words": Text(
        en="Fewer than {least} words stand for each group ({attributes}): what differs may be those words, not the group.",
        pt="Menos de {least} palavras representam cada grupo ({attributes}): o que difere podem ser as palavras, não o grupo.",
    ),
    "leaks_unknown": Text(
        en="No training data to look for the suite's texts in (--train-data names some).",
        pt="Sem dados de treino em que procurar os textos da suíte (--train-data indica quais).",
    ),
    "leaks_none": Text(
        en="None of the suite's texts was found in the training data.",
        pt="Nenhum texto da suíte foi encontrado nos dados de treino.",
    ),
    "leaks_counted": Text(
        en="Cases with texts that the training data have: {count}; they are counted, and left out with --strict.",
        pt="Casos com textos que estão nos dados de treino: {count}; eles contam, e ficam de fora com --strict.",
    ),
    "leaks_left_out": Text(
        en="Cases left out because the training data have their texts: {count}.",
        pt="Casos deixados de fora porque os dados de treino têm os textos deles: {count}.",
    ),
    "footnote": Text(
        en="In brackets, 95% intervals, the case as the unit; p values are corrected for several tests (Holm).",
        pt="Entre parênteses, intervalos de 95%, com o caso como unidade; valores de p corrigidos para vários testes (Holm).",
    ),
    "gates": Text(en="Gates", pt="Limites"),
    "gate_passed": Text(en="passed", pt="respeitado"),
    "gate_failed": Text(en="failed", pt="violado"),
    "gate_inconclusive": Text(en="inconclusive", pt="inconclusivo"),
    "gate_skipped": Text(en="skipped", pt="pulado"),
    "exit_3": Text(en="Exit code {code}: a gate failed.", pt="Código de saída {code}: um limite foi violado."),
    "exit_4": Text(
        en="Exit code {code}: under --strict, an error or what is not certain is not passed.",
        pt="Código de saída {code}: com --strict, um erro ou o que não é certo não passa.",
    ),
    "exit_5": Text(
        en="Exit code {code}: no case could be put to this model.",
        pt="Código de saída {code}: nenhum caso pôde ser aplicado a este modelo.",
    ),
    "failures": Text(en="Did not pass ({shown} of {count})", pt="Não passaram ({shown} de {count})"),
    "passed_then": Text(en="passed before", pt="passava antes"),
    "empty": Text(en="(empty)", pt="(vazia)"),
    "truncated": Text(en="(cut off)", pt="(cortada)"),
    "written": Text(en="Written: {path}", pt="Gravado: {path}"),
}

"""Texts about tasks of lm-evaluation-harness."""

from afinar.messages import Text

TEXTS = {
    "missing": Text(
        en="Tasks are run by lm-evaluation-harness, which is not installed.",
        pt="As tarefas são executadas pelo lm-evaluation-harness, que não está instalado.",
        hint_en="Install it with: pip install 'afinar[harness]'",
        hint_pt="Instale-o com: pip install 'afinar[harness]'",
    ),
    "no_names": Text(
        en="No task is named.",
        pt="Nenhuma tarefa foi indicada.",
        hint_en="Give one or more names, such as: --tasks hellaswag,assin_paraphrase",
        hint_pt="Indique um ou mais nomes, por exemplo: --tasks hellaswag,assin_paraphrase",
    ),
    "no_folder": Text(
        en="{path} is not a folder of task files.",
        pt="{path} não é uma pasta com arquivos de tarefas.",
        hint_en="Name a folder with YAML files as lm-evaluation-harness reads them.",
        hint_pt="Indique uma pasta com arquivos YAML no formato do lm-evaluation-harness.",
    ),
    "unknown": Text(
        en="{got!r} is none of the {count} tasks and groups of lm-evaluation-harness.",
        pt="{got!r} não está entre as {count} tarefas e grupos do lm-evaluation-harness.",
        hint_en="See them all with: lm_eval ls tasks",
        hint_pt="Veja todas com: lm_eval ls tasks",
    ),
    "unknown_near": Text(
        en="{got!r} is none of the {count} tasks and groups of lm-evaluation-harness; did you mean: {near}?",
        pt="{got!r} não está entre as {count} tarefas e grupos do lm-evaluation-harness; você quis dizer: {near}?",
        hint_en="See them all with: lm_eval ls tasks",
        hint_pt="Veja todas com: lm_eval ls tasks",
    ),
    "not_loaded": Text(
        en="The task {task} cannot be loaded: {reason}",
        pt="Não foi possível carregar a tarefa {task}: {reason}",
        hint_en="Its data is downloaded the first time: check the connection, and the task's own file if you wrote it.",
        hint_pt="Os dados são baixados na primeira vez: confira a conexão e, se a tarefa for sua, o arquivo dela.",
    ),
    "not_loaded_offline": Text(
        en="The task {task} cannot be loaded without network: {reason}",
        pt="Não foi possível carregar a tarefa {task} sem rede: {reason}",
        hint_en="Run it once without --offline: its data is then kept.",
        hint_pt="Execute-a uma vez sem --offline: os dados ficam guardados.",
    ),
    "failed": Text(
        en="lm-evaluation-harness could not run {tasks}: {reason}",
        pt="O lm-evaluation-harness não conseguiu executar {tasks}: {reason}",
        hint_en="A task may ask for more than text, run code, or expect other columns; leave it out and try again.",
        hint_pt="A tarefa pode exigir mais que texto, executar código ou esperar outras colunas; retire-a e tente de novo.",
    ),
}

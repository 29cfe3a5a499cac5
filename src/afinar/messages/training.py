"""Texts of training: the trainer, its checkpoints, its progress."""

from afinar.messages import Text

TEXTS = {
    "batch_size_ranks": Text(
        en="training.batch_size={got} cannot be shared evenly by {ranks} processes.",
        pt="training.batch_size={got} não se divide igualmente entre {ranks} processos.",
        hint_en="Use a multiple of {ranks}.",
        hint_pt="Use um múltiplo de {ranks}.",
    ),
    "checkpoint_broken": Text(
        en="{path} cannot be read: {detail}.",
        pt="Não foi possível ler {path}: {detail}.",
        hint_en="Resume from an older checkpoint, or delete this one.",
        hint_pt="Retome de um checkpoint mais antigo ou apague este.",
    ),
    "checkpoint_incomplete": Text(
        en="The checkpoint {path} has no {file}: it was not written whole, or not by afinar.",
        pt="O checkpoint {path} não tem {file}: não foi gravado por inteiro, ou não foi gravado pelo afinar.",
        hint_en="Resume from an older checkpoint, or delete this one.",
        hint_pt="Retome de um checkpoint mais antigo ou apague este.",
    ),
    "given_restore": Text(
        en="{path} was trained without a method, so there is no adapter to restore.",
        pt="{path} foi treinado sem método; não há adaptador a restaurar.",
        hint_en="Load it as a model of its own.",
        hint_pt="Carregue-o como um modelo próprio.",
    ),
    "no_auto_rate": Text(
        en="training.learning_rate=auto has no value for the method {method}; it has one for {known}.",
        pt="training.learning_rate=auto não tem valor para o método {method}; tem para {known}.",
        hint_en="Set training.learning_rate to a number.",
        hint_pt="Defina training.learning_rate com um número.",
    ),
    "non_finite_loss": Text(
        en="The loss became {got} at step {step}; training stopped and the last checkpoint is untouched.",
        pt="A perda virou {got} no passo {step}; o treino parou e o último checkpoint está intacto.",
        hint_en="Lower training.learning_rate, raise training.warmup_ratio, or look for broken rows in the data.",
        hint_pt="Diminua training.learning_rate, aumente training.warmup_ratio ou procure linhas quebradas nos dados.",
    ),
    "optimizer_changed": Text(
        en="The checkpoint {path} holds optimizer states for {expected} parameters; this model trains {got}.",
        pt="O checkpoint {path} guarda estados do otimizador para {expected} parâmetros; este modelo treina {got}.",
        hint_en="Resume with the method settings that the checkpoint was trained with.",
        hint_pt="Retome com as mesmas configurações do método com que o checkpoint foi treinado.",
    ),
    "sharding": Text(
        en="FSDP and DeepSpeed sharding are not supported by this version of SFTTrainer.",
        pt="FSDP e DeepSpeed com fragmentação não são suportados por esta versão do SFTTrainer.",
        hint_en="Run on one process, or on several with plain data parallelism (torchrun).",
        hint_pt="Use um processo, ou vários com paralelismo de dados simples (torchrun).",
    ),
}

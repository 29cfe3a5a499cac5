"""Why a name from transformers' older versions or from TRL is refused, and what to write in its place."""

from afinar.messages import Text


def _no(en: str, pt: str, hint_en: str, hint_pt: str) -> Text:
    return Text(en="{name}={got}: " + en, pt="{name}={got}: " + pt, hint_en=hint_en, hint_pt=hint_pt)


_LEAVE_OUT = ("Leave {name} out.", "Omita {name}.")
_APEX = _no(
    "mixed precision comes from torch; NVIDIA's apex is not used.",
    "a precisão mista vem do torch; o apex da NVIDIA não é usado.",
    "Write bf16=True or fp16=True, and leave {name} out.",
    "Escreva bf16=True ou fp16=True e omita {name}.",
)
_TPU = _no("TPUs are not supported.", "TPUs não são suportadas.", *_LEAVE_OUT)
_SHARE = _no(
    "a step's rows are shared among the processes as the steps are cut, so that no row is repeated or lost.",
    "as linhas de um passo são repartidas entre os processos quando os passos são cortados; nenhuma se repete ou se perde.",
    *_LEAVE_OUT,
)
_STREAM = _no(
    "a data set that streams ends where it ends; blocks are cut from its tokens.",
    "um conjunto lido em fluxo termina onde termina; os blocos são cortados de seus tokens.",
    "Leave {name} out; max_steps says how long to train.",
    "Omita {name}; max_steps diz quanto treinar.",
)

TEXTS = {
    "unknown_setting": Text(
        en="SFTConfig has no setting {got!r}{near}.",
        pt="SFTConfig não tem a configuração {got!r}{near}.",
        hint_en="Its names are those of transformers' TrainingArguments and those in afinar's page on the trainer.",
        hint_pt="Os nomes são os de TrainingArguments, do transformers, e os da página do afinar sobre o treinador.",
    ),
    "unknown_keyword": Text(
        en="SFTTrainer has no keyword {got!r}{near}.",
        pt="SFTTrainer não tem o argumento {got!r}{near}.",
        hint_en="Settings of the training go into args=SFTConfig(...).",
        hint_pt="Configurações do treino vão em args=SFTConfig(...).",
    ),
    "twice": Text(
        en="{name}={got} and {other}={value} are the same setting with two values.",
        pt="{name}={got} e {other}={value} são a mesma configuração com dois valores.",
        hint_en="Keep {other}.",
        hint_pt="Mantenha {other}.",
    ),
    "token_missing": Text(
        en="{name}={got}: the tokenizer has no such token.",
        pt="{name}={got}: o tokenizador não tem esse token.",
        hint_en="Name a token of its vocabulary, or add it first (tokenizer.add_tokens, model.resize_token_embeddings).",
        hint_pt="Indique um token do vocabulário, ou acrescente-o antes (tokenizer.add_tokens, "
        "model.resize_token_embeddings).",
    ),
    "chat_template_path": _no(
        "there is no chat template there.",
        "não há modelo de conversa (chat template) ali.",
        "Give a Jinja file, or the folder of a tokenizer that has a template.",
        "Indique um arquivo Jinja, ou a pasta de um tokenizador que tenha um modelo de conversa.",
    ),
    "new_tokens": Text(
        en="The chat template of {got} uses tokens that this tokenizer lacks: {tokens}.",
        pt="O modelo de conversa de {got} usa tokens que este tokenizador não tem: {tokens}.",
        hint_en="Add them to the tokenizer and resize the model's embeddings first, or choose a template without them.",
        hint_pt="Acrescente-os antes ao tokenizador e redimensione os embeddings, ou escolha outro modelo de conversa.",
    ),
    "activation_offloading": _no(
        "activations stay on the device in this version.",
        "as ativações ficam no dispositivo nesta versão.",
        "To save memory use gradient_checkpointing=True or a smaller per_device_train_batch_size with accumulation.",
        "Para poupar memória use gradient_checkpointing=True ou um per_device_train_batch_size menor com acumulação.",
    ),
    "average_tokens_across_devices": _no(
        "the loss is that of the whole step over all processes, always.",
        "a perda é sempre a do passo inteiro, sobre todos os processos.",
        *_LEAVE_OUT,
    ),
    "chars_per_token": _STREAM,
    "dataloader_drop_last": _no(
        "the last, shorter step is divided by its own tokens, so its rows count as much as any.",
        "o último passo, mais curto, é dividido por seus próprios tokens; suas linhas valem tanto quanto as outras.",
        *_LEAVE_OUT,
    ),
    "dataset_kwargs": _no(
        "the only key with a meaning is skip_prepare_dataset.",
        "a única chave com sentido é skip_prepare_dataset.",
        "To prepare rows in your own way, tokenise them and give input_ids and labels.",
        "Para preparar as linhas a seu modo, tokenize-as e passe input_ids e labels.",
    ),
    "dispatch_batches": _SHARE,
    "eval_packing": _no(
        "evaluation rows are packed where training rows are; the loss is weighted by tokens either way.",
        "as linhas de avaliação são empacotadas quando as de treino são; a perda é ponderada por tokens de todo modo.",
        *_LEAVE_OUT,
    ),
    "fp16_backend": _APEX,
    "fp16_opt_level": _APEX,
    "fsdp_min_num_params": _no(
        "transformers moved it into fsdp_config.",
        "o transformers o moveu para fsdp_config.",
        "Write fsdp_config={{'version': 2, 'min_num_params': {got}}}.",
        "Escreva fsdp_config={{'version': 2, 'min_num_params': {got}}}.",
    ),
    "fsdp_transformer_layer_cls_to_wrap": _no(
        "transformers moved it into fsdp_config.",
        "o transformers o moveu para fsdp_config.",
        "Write fsdp_config={{'version': 2, 'transformer_layer_cls_to_wrap': [{got}]}}.",
        "Escreva fsdp_config={{'version': 2, 'transformer_layer_cls_to_wrap': [{got}]}}.",
    ),
    "half_precision_backend": _APEX,
    "infinite": _STREAM,
    "jit_mode_eval": _no(
        "transformers dropped TorchScript.",
        "o transformers abandonou o TorchScript.",
        "Write torch_compile=True for compiled forward passes.",
        "Escreva torch_compile=True para compilar as passagens.",
    ),
    "loss_type": _no(
        "the loss is the negative log-likelihood (nll, chunked_nll).",
        "a perda é a log-verossimilhança negativa (nll, chunked_nll).",
        "For another loss give compute_loss_func to SFTTrainer.",
        "Para outra perda, passe compute_loss_func ao SFTTrainer.",
    ),
    "model_init": _no(
        "it belongs to hyper-parameter searches, which this trainer does not run.",
        "serve a buscas de hiperparâmetros, que este treinador não faz.",
        "Give the model itself: SFTTrainer(model=...).",
        "Passe o próprio modelo: SFTTrainer(model=...).",
    ),
    "mp_parameters": _no("SageMaker's model parallelism is gone.", "o paralelismo do SageMaker não existe mais.", *_LEAVE_OUT),
    "num_of_sequences": _STREAM,
    "packing_strategy": _no(
        "whole examples are not packed into rows in this version; the steps would hold other numbers of examples, too.",
        "nesta versão exemplos inteiros não são empacotados em linhas; os passos também teriam outro número de exemplos.",
        "For running text write packing='blocks' (TRL's packing_strategy='wrapped'); for examples leave packing out.",
        "Para texto corrido escreva packing='blocks' (o packing_strategy='wrapped' do TRL); para exemplos, omita packing.",
    ),
    "pad_to_multiple_of": _no(
        "batches are padded to their longest row; padding changes no result.",
        "os lotes são preenchidos até a linha mais longa; o preenchimento não muda resultado algum.",
        "Leave it out, or give a data_collator of your own that pads so.",
        "Omita-o, ou passe um data_collator seu que preencha assim.",
    ),
    "padding_free": _no(
        "batches are padded, with rows of similar length together.",
        "os lotes são preenchidos, com linhas de comprimento parecido juntas.",
        *_LEAVE_OUT,
    ),
    "past_index": _no(
        "decoders do not carry their cache from batch to batch.",
        "decodificadores não levam o cache de um lote a outro.",
        *_LEAVE_OUT,
    ),
    "push_to_hub_organization": _no(
        "it is part of the repository's name now.",
        "hoje faz parte do nome do repositório.",
        "Write hub_model_id='organization/name'.",
        "Escreva hub_model_id='organização/nome'.",
    ),
    "quantization_config": _no(
        "a model is quantised as it is loaded.",
        "um modelo é quantizado ao ser carregado.",
        "Write method='qlora', or load it first and give it as model: "
        "AutoModelForCausalLM.from_pretrained(name, quantization_config=...).",
        "Escreva method='qlora', ou carregue-o antes e passe-o em model: "
        "AutoModelForCausalLM.from_pretrained(nome, quantization_config=...).",
    ),
    "save_safetensors": _no(
        "a pickle can run code when it is read, so none is written.",
        "um pickle pode executar código ao ser lido; por isso nenhum é gravado.",
        "Leave it out: all files are safetensors and JSON.",
        "Omita-o: todos os arquivos são safetensors e JSON.",
    ),
    "sharded_ddp": _no(
        "fairscale's sharding was replaced by FSDP.",
        "a fragmentação do fairscale foi substituída por FSDP.",
        "Write fsdp=True, fsdp_config={{'version': 2, ...}}.",
        "Escreva fsdp=True, fsdp_config={{'version': 2, ...}}.",
    ),
    "sortish_sampler": _no(
        "rows of similar length share a batch within each step already.",
        "linhas de comprimento parecido já dividem um lote dentro de cada passo.",
        *_LEAVE_OUT,
    ),
    "split_batches": _SHARE,
    "tpu_metrics_debug": _TPU,
    "tpu_num_cores": _TPU,
    "train_sampling_strategy": _no(
        "rows come in a random order of their own each epoch, or in the data set's.",
        "as linhas vêm em uma ordem aleatória a cada época, ou na do conjunto de dados.",
        "Write 'random' or 'sequential'.",
        "Escreva 'random' ou 'sequential'.",
    ),
    "truncation_mode": _no(
        "rows are cut at their end.",
        "as linhas são cortadas no fim.",
        "Write 'keep_start', or cut the rows yourself before.",
        "Escreva 'keep_start', ou corte você mesmo as linhas antes.",
    ),
    "use_ipex": _no(
        "Intel's extension has become part of torch.",
        "a extensão da Intel passou a fazer parte do torch.",
        *_LEAVE_OUT,
    ),
    "use_legacy_prediction_loop": _no(
        "there is one evaluation loop.",
        "há um só laço de avaliação.",
        *_LEAVE_OUT,
    ),
    "use_liger_kernel": _no(
        "its forward would replace the one that computes this trainer's loss, which holds no full logits either.",
        "o forward dele tomaria o lugar do que calcula a perda deste treinador, que também não guarda logits inteiros.",
        *_LEAVE_OUT,
    ),
}

"""Texts of the bottleneck adapters, their places in a decoder, and AdapterHub's files."""

from afinar.messages import Text

TEXTS = {
    "two_widths": Text(
        en="method.size={size} and method.reduction_factor={factor} both give the adapter's width.",
        pt="method.size={size} e method.reduction_factor={factor} dão, os dois, a largura do adaptador.",
        hint_en="Leave one of them out; reduction_factor: null takes back one that a file sets.",
        hint_pt="Omita um deles; reduction_factor: null desfaz o que um arquivo define.",
    ),
    "nowhere": Text(
        en="method.attention and method.feed_forward are both false, so there is no place for an adapter.",
        pt="method.attention e method.feed_forward são ambos false, e não há lugar para adaptador.",
        hint_en="Set one of them to true.",
        hint_pt="Defina um deles como true.",
    ),
    "already_attached": Text(
        en="The model already carries bottleneck adapters, and they do not stack.",
        pt="O modelo já tem adaptadores bottleneck, e eles não se empilham.",
        hint_en="Load the base model anew.",
        hint_pt="Carregue de novo o modelo base.",
    ),
    "not_attached": Text(
        en="The model carries no bottleneck adapters.",
        pt="O modelo não tem adaptadores bottleneck.",
        hint_en="Attach the method first, or load an export of it.",
        hint_pt="Aplique antes o método, ou carregue uma exportação dele.",
    ),
    "no_such_layer": Text(
        en="method.leave_out names layer {got}, and the model has layers 0 to {last}.",
        pt="method.leave_out indica a camada {got}, e o modelo tem as camadas de 0 a {last}.",
    ),
    "all_left_out": Text(
        en="method.leave_out names every layer of the model, so nothing would be adapted.",
        pt="method.leave_out indica todas as camadas do modelo; nada seria adaptado.",
    ),
    "no_layers": Text(
        en="{got} has no list of decoder layers to put adapters into.",
        pt="{got} não tem uma lista de camadas de decoder em que pôr adaptadores.",
        hint_en="Use LoRA, whose target_modules name layers one by one.",
        hint_pt="Use LoRA, cujo target_modules indica as camadas uma a uma.",
    ),
    "unknown_architecture": Text(
        en="It is not known where a layer of the architecture {architecture!r} adds the output of {kind} to the residual "
        "stream; modules of a layer with outputs of the model's width: {candidates}.",
        pt="Não se sabe onde uma camada da arquitetura {architecture!r} soma a saída de {kind} ao fluxo residual; módulos de "
        "uma camada com saídas da largura do modelo: {candidates}.",
        hint_en="Name the module whose output is added, in method.{field}.",
        hint_pt="Indique em method.{field} o módulo cuja saída é somada.",
    ),
    "no_module": Text(
        en="method.{field}={got!r}: a layer of this model has no such module; modules with outputs of the model's width: "
        "{candidates}.",
        pt="method.{field}={got!r}: uma camada deste modelo não tem tal módulo; módulos com saídas da largura do modelo: "
        "{candidates}.",
    ),
    "no_stream": Text(
        en="method.reads={reads}: in the architecture {architecture!r} it is not known which module reads the residual stream "
        "that {kind} is added to.",
        pt="method.reads={reads}: na arquitetura {architecture!r} não se sabe que módulo lê o fluxo residual a que "
        "{kind} é somado.",
        hint_en="Set method.reads: branch (the houlsby placement), which needs nothing but the sub-layer's output.",
        hint_pt="Defina method.reads: branch (a colocação houlsby), que só precisa da saída da subcamada.",
    ),
    "no_stream_seen": Text(
        en="{output} ran without {stream} before it, so its adapter has no residual stream to read.",
        pt="{output} rodou sem {stream} antes; seu adaptador não tem fluxo residual para ler.",
        hint_en="Call whole decoder layers, and checkpoint whole layers; or set method.reads: branch.",
        hint_pt="Chame camadas inteiras do decoder, e faça checkpointing de camadas inteiras; ou defina method.reads: branch.",
    ),
    "other_kind": Text(
        en="{path} is an adapter of AdapterHub's of another kind ({got}); bottleneck adapters are read.",
        pt="{path} é um adaptador do AdapterHub de outro tipo ({got}); são lidos os adaptadores bottleneck.",
        hint_en="LoRA and the prompt methods are read from PEFT's files.",
        hint_pt="LoRA e os métodos de prompt são lidos dos arquivos do PEFT.",
    ),
    "unsupported": Text(
        en="{path} uses what a plain bottleneck adapter cannot represent: {got}.",
        pt="{path} usa o que um adaptador bottleneck simples não representa: {got}.",
        hint_en="Use it with AdapterHub's adapters, or train one without these settings.",
        hint_pt="Use-o com o adapters do AdapterHub, ou treine um sem essas configurações.",
    ),
    "other_stream": Text(
        en="{path}: in the architecture {architecture!r}, AdapterHub's adapters that read the {reads} read another tensor "
        "than ours would.",
        pt="{path}: na arquitetura {architecture!r}, os adaptadores do AdapterHub que leem {reads} leem outro tensor que os "
        "daqui.",
        hint_en="Use it with AdapterHub's adapters; those that read the branch (houlsby) load here.",
        hint_pt="Use-o com o adapters do AdapterHub; os que leem branch (houlsby) carregam aqui.",
    ),
    "strange_tensors": Text(
        en="{path} does not hold one bottleneck adapter; other tensors, or several adapters: {got}.",
        pt="{path} não contém um só adaptador bottleneck; outros tensores, ou vários adaptadores: {got}.",
        hint_en="Save each adapter by itself: model.save_adapter(folder, name, use_safetensors=True).",
        hint_pt="Salve cada adaptador à parte: model.save_adapter(pasta, nome, use_safetensors=True).",
    ),
    "pickle": Text(
        en="{directory} holds {file}, a pickle, which can run code when it is read; expected safetensors.",
        pt="{directory} contém {file}, um pickle, que pode executar código ao ser lido; esperado safetensors.",
        hint_en="If you trust it, load it with AdapterHub's adapters and save it again with use_safetensors=True.",
        hint_pt="Se confia nele, carregue-o com o adapters do AdapterHub e salve-o de novo com use_safetensors=True.",
    ),
    "other_lm_head": Text(
        en="{file} holds an LM head that is not the base model's: AdapterHub trains an untied LM head beside the adapter.",
        pt="{file} contém uma LM head que não é a do modelo base: o AdapterHub treina, com o adaptador, uma LM head não "
        "amarrada.",
        hint_en="Put that head into the base model first, or save the adapter with with_head=False to use the base's own.",
        hint_pt="Ponha antes essa LM head no modelo base, ou salve o adaptador com with_head=False para usar a da base.",
    ),
}

"""Texts about bases in 4 and 8 bits."""

from afinar.messages import Text

TEXTS = {
    "no_bitsandbytes": Text(
        en="A base in {kind} needs the package bitsandbytes, which is not installed.",
        pt="Uma base em {kind} precisa do pacote bitsandbytes, que não está instalado.",
        hint_en='Run: pip install "afinar[gpu]" (it works without a GPU too), or set model.quantize to none.',
        hint_pt='Rode: pip install "afinar[gpu]" (funciona também sem GPU), ou defina model.quantize como none.',
    ),
    "repacked": Text(
        en="The 4-bit weight of {path} was repacked by an evaluation outside afinar: its scales are rounded for good, and it "
        "carries no gradient.",
        pt="O peso de 4 bits de {path} foi reempacotado por uma avaliação fora do afinar: suas escalas foram arredondadas em "
        "definitivo, e ele não leva gradiente.",
        hint_en="Load the model again and hand it over before its first evaluation, or load it by name with model.quantize.",
        hint_pt="Carregue o modelo de novo e entregue-o antes da primeira avaliação, ou carregue-o pelo nome com "
        "model.quantize.",
    ),
    "unknown_layer": Text(
        en="The weight of {got} is neither float nor in a 4- or 8-bit format of bitsandbytes, so it cannot be dequantised.",
        pt="O peso de {got} não é de ponto flutuante nem está num formato de 4 ou 8 bits do bitsandbytes; não é possível "
        "dequantizá-lo.",
        hint_en="Take a model whose weights are float, or quantised by bitsandbytes.",
        hint_pt="Use um modelo com pesos em ponto flutuante ou quantizados pelo bitsandbytes.",
    ),
    "stored_otherwise": Text(
        en="The weights in {path} are stored as {got} already, and model.quantize asks for {asked}.",
        pt="Os pesos em {path} já estão gravados como {got}, e model.quantize pede {asked}.",
        hint_en="Leave model.quantize at none: the weights are taken as they are. Or take the model's original weights.",
        hint_pt="Deixe model.quantize em none: os pesos são usados como estão. Ou use os pesos originais do modelo.",
    ),
    "device": Text(
        en="bitsandbytes has no {kind} for the device {got}.",
        pt="O bitsandbytes não tem {kind} para o dispositivo {got}.",
        hint_en="Use model.device: cuda or cpu, or model.quantize: none.",
        hint_pt="Use model.device: cuda ou cpu, ou model.quantize: none.",
    ),
    "full": Text(
        en="method full trains the base's own weights, and with model.quantize: {got} they have no gradient.",
        pt="O método full treina os próprios pesos da base, que com model.quantize: {got} não têm gradiente.",
        hint_en="Choose an adapter (method.name: qlora, lora, bottleneck, ...), or model.quantize: none.",
        hint_pt="Escolha um adaptador (method.name: qlora, lora, bottleneck, ...), ou model.quantize: none.",
    ),
    "qlora_on_float": Text(
        en="model.quantize=none, and method qlora is LoRA on a base in 4 or 8 bits.",
        pt="model.quantize=none, e o método qlora é LoRA sobre uma base em 4 ou 8 bits.",
        hint_en="Leave model.quantize out (qlora sets it to nf4), or choose method.name: lora.",
        hint_pt="Deixe model.quantize de fora (qlora o define como nf4), ou escolha method.name: lora.",
    ),
    "float_base": Text(
        en="method qlora is LoRA on a 4-bit base, and the model given is not quantised ({got}).",
        pt="O método qlora é LoRA sobre uma base em 4 bits, e o modelo dado não está quantizado ({got}).",
        hint_en="Give the model by its folder or hub name, and it is loaded in 4 bits; or load it with BitsAndBytesConfig; or "
        "use afinar.LoRA.",
        hint_pt="Dê o modelo pela pasta ou pelo nome no hub, e ele é carregado em 4 bits; ou carregue-o com "
        "BitsAndBytesConfig; ou use afinar.LoRA.",
    ),
}

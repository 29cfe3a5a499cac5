"""Texts of `afinar doctor`."""

from afinar.messages import Text

TEXTS = {
    "column_status": Text(en="status", pt="estado"),
    "column_name": Text(en="what", pt="o quê"),
    "column_found": Text(en="found", pt="encontrado"),
    "status_ok": Text(en="ok", pt="ok"),
    "status_note": Text(en="note", pt="nota"),
    "status_problem": Text(en="problem", pt="problema"),
    "fine": Text(
        en="Everything that afinar needs is here. Try: afinar quickstart",
        pt="Tudo de que o afinar precisa está aqui. Experimente: afinar quickstart",
    ),
    "not_fine": Text(
        en="Mend the problems above first; afinar will not run well, or not at all, with them.",
        pt="Resolva antes os problemas acima; com eles o afinar roda mal ou nem roda.",
    ),
    "afinar": Text(en="afinar", pt="afinar"),
    "python": Text(en="Python", pt="Python"),
    "packages": Text(en="packages", pt="pacotes"),
    "absent": Text(en="not there", pt="ausente"),
    "package_advice": Text(
        en='Install it with: pip install "{package}>={version}"',
        pt='Instale com: pip install "{package}>={version}"',
    ),
    "device": Text(en="device", pt="dispositivo"),
    "device_memory": Text(en="{free} of {total} GB free", pt="{free} de {total} GB livres"),
    "cpu_build_advice": Text(
        en="There is an NVIDIA driver, but this torch is built for the CPU. Install a CUDA build of torch to use the card.",
        pt="Há um driver da NVIDIA, mas este torch foi compilado para CPU. Instale um torch com CUDA para usar a placa.",
    ),
    "bfloat16": Text(en="bfloat16", pt="bfloat16"),
    "bfloat16_yes": Text(
        en="computed in hardware: frozen weights are kept in it", pt="calculado em hardware: os pesos congelados ficam nele"
    ),
    "bfloat16_no": Text(
        en="not computed in hardware: weights are kept in float32",
        pt="não é calculado em hardware: os pesos ficam em float32",
    ),
    "bfloat16_advice": Text(
        en="Leave model.dtype on auto: here bfloat16 would be emulated, many times slower.",
        pt="Deixe model.dtype em auto: aqui bfloat16 seria emulado, muitas vezes mais lento.",
    ),
    "threads": Text(en="threads", pt="threads"),
    "threads_found": Text(en="{threads} on {cores} cores", pt="{threads} em {cores} núcleos"),
    "threads_advice": Text(
        en="More threads than cores slow torch down. Set OMP_NUM_THREADS={cores}.",
        pt="Mais threads do que núcleos deixam o torch mais lento. Defina OMP_NUM_THREADS={cores}.",
    ),
    "memory": Text(en="memory", pt="memória"),
    "memory_advice": Text(
        en="Little memory is free. Close other programs, or lower --training.micro_batch_size and --data.max_length.",
        pt="Há pouca memória livre. Feche outros programas ou diminua --training.micro_batch_size e --data.max_length.",
    ),
    "disk": Text(en="disk", pt="disco"),
    "disk_found": Text(en="{free} GB free in {path}", pt="{free} GB livres em {path}"),
    "disk_advice": Text(
        en="Little space is free. Point --output to another disk, or lower --training.keep_checkpoints.",
        pt="Há pouco espaço livre. Aponte --output para outro disco ou diminua --training.keep_checkpoints.",
    ),
    "disk_write_advice": Text(
        en="You may not write in {path}. Work in another folder, or point --output to one.",
        pt="Você não pode escrever em {path}. Trabalhe em outra pasta ou aponte --output para uma.",
    ),
    "cache": Text(en="hub cache", pt="cache do hub"),
    "cache_empty": Text(en="{path} (made with the first hub model)", pt="{path} (criado com o primeiro modelo do hub)"),
    "cache_advice": Text(
        en="You may not write there, so hub models cannot be kept. Point HF_HOME to a folder of yours.",
        pt="Você não pode escrever ali, e modelos do hub não podem ser guardados. Aponte HF_HOME para uma pasta sua.",
    ),
    "offline": Text(en="network", pt="rede"),
    "offline_on": Text(en="offline: only files on this machine are used", pt="offline: só arquivos desta máquina são usados"),
    "offline_off": Text(
        en="used only for hub models and data that you name", pt="usada só para modelos e dados do hub que você nomear"
    ),
    "extras": Text(en="extras", pt="extras"),
    "extra_advice": Text(
        en='{package} {use}. If you want that: pip install "afinar[{extra}]"',
        pt='{package} {use}. Se quiser: pip install "afinar[{extra}]"',
    ),
    "use_bitsandbytes": Text(en="is for bases in 4 and 8 bits (QLoRA)", pt="serve para bases em 4 e 8 bits (QLoRA)"),
    "use_peft": Text(
        en="lets you load afinar's adapters outside afinar", pt="permite abrir adaptadores do afinar fora do afinar"
    ),
    "use_lm_eval": Text(
        en="lets you score models on its benchmarks", pt="permite avaliar modelos nos benchmarks que ele traz"
    ),
    "embedded": Text(en="embedded model", pt="modelo embutido"),
    "embedded_advice": Text(
        en="This installation lacks the files of afinar-mini. Install afinar again, or name another model with --model.name.",
        pt="Faltam nesta instalação os arquivos do afinar-mini. Instale o afinar de novo ou indique outro modelo com "
        "--model.name.",
    ),
}

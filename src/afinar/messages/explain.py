"""What `afinar explain TECHNIQUE` prints: one page of Markdown per technique."""

from afinar.messages.pages import bottleneck, full, head, ia3, lora, p_tuning, peft, prefix, prompt, qlora

TEXTS = {
    "bottleneck": bottleneck.TEXT,
    "full": full.TEXT,
    "head": head.TEXT,
    "ia3": ia3.TEXT,
    "lora": lora.TEXT,
    "p_tuning": p_tuning.TEXT,
    "peft": peft.TEXT,
    "prefix": prefix.TEXT,
    "prompt": prompt.TEXT,
    "qlora": qlora.TEXT,
}

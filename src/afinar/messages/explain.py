"""What `afinar explain TECHNIQUE` prints: one page of Markdown per technique."""

from afinar.messages.pages import full, head, lora

TEXTS = {
    "full": full.TEXT,
    "head": head.TEXT,
    "lora": lora.TEXT,
}

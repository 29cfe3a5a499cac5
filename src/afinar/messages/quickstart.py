"""Texts of the quickstart."""

from afinar.messages import Text

TEXTS = {
    "instructions": Text(
        en="1/2  Teaching afinar-mini to answer: LoRA on afinar/instrucoes",
        pt="1/2  Ensinando o afinar-mini a responder: LoRA em afinar/instrucoes",
    ),
    "sentiment": Text(
        en="2/2  A sentiment classifier: full fine-tuning on afinar/sentimento",
        pt="2/2  Um classificador de sentimento: ajuste completo (full) em afinar/sentimento",
    ),
    "title": Text(en="Before and after, on held-out rows", pt="Antes e depois, em linhas de validação"),
    "task": Text(en="task", pt="tarefa"),
    "row_instructions": Text(en="instructions: perplexity", pt="instruções: perplexidade"),
    "row_sentiment": Text(en="sentiment: accuracy", pt="sentimento: acurácia"),
    "trained": Text(en="trained", pt="treinado"),
    "question": Text(en="Question: {prompt}", pt="Pergunta: {prompt}"),
    "before": Text(en="  before: {text}", pt="  antes:  {text}"),
    "after": Text(en="  after:  {text}", pt="  depois: {text}"),
    "modest": Text(
        en="afinar-mini has five million parameters: it has learned the form of an answer, not the world's facts.",
        pt="O afinar-mini tem cinco milhões de parâmetros: aprendeu a forma de uma resposta, não os fatos do mundo.",
    ),
    "next_audit": Text(
        en="afinar audit afinar/sentimento --model {folder}", pt="afinar audit afinar/sentimento --model {folder}"
    ),
}

"""Texts of (IA)³."""

from afinar.messages import Text

TEXTS = {
    "already_adapted": Text(
        en="The model carries an adapter already, and (IA)³ does not go on top of it.",
        pt="O modelo já tem um adaptador, e (IA)³ não se põe sobre ele.",
        hint_en="Load the base model anew, or merge the adapter first if its technique merges.",
        hint_pt="Carregue de novo o modelo base, ou funda antes o adaptador, se a técnica dele o permite.",
    ),
    "not_attached": Text(
        en="The model carries no (IA)³ vectors.",
        pt="O modelo não tem vetores (IA)³.",
        hint_en="Attach the method first; a merged model is plain and has nothing left to switch off, merge or export.",
        hint_pt="Aplique antes o método; um modelo fundido é comum e não tem mais o que desligar, fundir ou exportar.",
    ),
    "unknown_architecture": Text(
        en="method.{field}=auto: (IA)³ has no layers on record for the architecture {got!r}; its linear layers: {candidates}.",
        pt="method.{field}=auto: (IA)³ não tem camadas registradas para a arquitetura {got!r}; suas camadas lineares são: "
        "{candidates}.",
        hint_en="Name the layers in method.target_modules, and the last layer of the feed-forward among them in "
        "method.feedforward_modules too.",
        hint_pt="Indique as camadas em method.target_modules e, entre elas, a última da feed-forward também em "
        "method.feedforward_modules.",
    ),
    "no_match": Text(
        en="method.{field}: {got!r} is the ending of no layer that it could mean; the linear layers: {candidates}.",
        pt="method.{field}: {got!r} não é o final de nenhuma camada possível; as camadas lineares: {candidates}.",
        hint_en="Every layer of feedforward_modules must be one of target_modules too.",
        hint_pt="Toda camada de feedforward_modules deve estar também em target_modules.",
    ),
    "other_type": Text(
        en="{path} is an adapter of type {got}, not one of (IA)³.",
        pt="{path} é um adaptador do tipo {got}, não de (IA)³.",
        hint_en="Take the method from the export itself (afinar.methods.saved.read).",
        hint_pt="Obtenha o método da própria exportação (afinar.methods.saved.read).",
    ),
    "strange_tensors": Text(
        en="The weights beside {path} are not the vectors of (IA)³ on linear layers: {got}.",
        pt="Os pesos ao lado de {path} não são os vetores de (IA)³ em camadas lineares: {got}.",
        hint_en="Export the adapter again from the program that trained it.",
        hint_pt="Exporte o adaptador de novo a partir do programa que o treinou.",
    ),
}

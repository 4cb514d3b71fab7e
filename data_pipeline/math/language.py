"""The language of a statement, and words that no training set should carry."""

from __future__ import annotations

import re
import unicodedata

from data_pipeline.math.text import Text

# The commonest words of each language that are no words of English and stand in its mathematical prose.
_FUNCTION_WORDS = {
    "es": "el los las del que una unos unas por para con está si es cuántos cuántas cuál halla "
    "hallar sea sean números todos",
    "fr": "le les des est une dans que qui sont pour avec soit soient nombre montrer trouver "
    "déterminer entre deux du et au",
    "de": "der die das und ist ein eine einen mit für von den dem sei seien zahl zahlen man bestimme "
    "alle wie sind auf zeige",
    "it": "il lo gli della delle di che una un per con sia siano numeri trovare determinare quanti è sono si nel",
    "pt": "os as um uma que para com seja sejam números quantos qual determine encontre são não do da em ao",
    "nl": "het een van en is zijn dat met voor getal getallen bepaal hoeveel welke de alle",
    "pl": "jest nie się że liczba liczby dla oraz wykaż znajdź wszystkie które gdzie niech",
    "ro": "să și este care sunt pentru fie numere aflați arătați că din cu un o",
    "cs": "je jsou které pro číslo čísla najděte dokažte že všechna kde nechť",
    "sv": "är och att som för ett av på bestäm alla tal visa hur många",
    "tr": "bir ve ile için olan sayı kaç bulunuz göre en çok tane",
    "id": "yang dan dari adalah dengan untuk jika maka bilangan berapa tentukan pada",
}
_ENGLISH = frozenset(
    "the of and is are a an in to for that with find what how many such if let be by on at as from each all number its "
    "determine compute evaluate which where has have than it then when does do value given same there".split()
)
_SETS = {code: frozenset(words.split()) - _ENGLISH for code, words in _FUNCTION_WORDS.items()}
MIN_WORDS = 6  # below that the words of a statement say nothing about its language

_UNSUITABLE = {
    "sexual": r"porn\w*|nude|orgasm\w*|masturbat\w*|erotic\w*|genital\w*|prostitut\w*|rap(?:ed|ists?)\b",
    "violence": r"murder\w*|tortur\w*|massacre\w*|behead\w*|genocid\w*|terrorists?\b|stabb(?:ed|ing)|lynch\w*|corpses?",
    "self-harm": r"suicid\w*|self-harm\w*|kill(?:s|ed|ing)? (?:him|her|my|your)self|overdos\w*",
    "drugs": r"cocaine|heroin|methamphetamine|crack dealer|marijuana|drug deal\w*|meth lab",
    "slur": r"nigg\w+|fagg\w+|retard(?:s|ed)?\b|whores?|bitch\w*|fuck\w*|shit\w*",
}
_ANY_UNSUITABLE = re.compile(rf"\b(?:{'|'.join(_UNSUITABLE.values())})")
_UNSUITABLE_WORDS = {kind: re.compile(rf"\b(?:{words})", re.IGNORECASE) for kind, words in _UNSUITABLE.items()}


def foreign_letters(text: Text) -> float:
    """Share of the prose's letters that are in no Latin alphabet; 0.0 where it has no letter."""
    if all(map(str.isascii, text.words)):
        return 0.0
    letters = [c for word in text.words for c in word if c.isalpha()]
    outside = sum(not c.isascii() and not unicodedata.name(c, "").startswith("LATIN") for c in letters)
    return outside / len(letters) if letters else 0.0


def language(text: Text) -> str:
    """`en`, the code of another language, or `und` where there are too few words to tell.

    A statement mostly in another script is `other`. Otherwise the language whose commonest words stand in the prose
    most often; English wins a tie, since names and single borrowed words are common in English statements.
    """
    if foreign_letters(text) > 0.3:
        return "other"
    if len(text.words) < MIN_WORDS:
        return "und"
    english = sum(map(_ENGLISH.__contains__, text.words))
    counts = {code: sum(map(words.__contains__, text.words)) for code, words in _SETS.items()}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] > english and counts[best] >= 0.1 * len(text.words) else "en"


def unsuitable(text: Text) -> str:
    """The kind of unsuitable content by its words (`sexual`, `violence`, ...), "" where there is none."""
    if not _ANY_UNSUITABLE.search(text.low):
        return ""
    return next((kind for kind, words in _UNSUITABLE_WORDS.items() if words.search(text.prose)), "")

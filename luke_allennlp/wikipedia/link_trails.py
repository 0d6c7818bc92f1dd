"""Link trails: letters after a link that belong to it."""

import re
from typing import Optional, Pattern

# MediaWiki's `$linkTrail`, language by language (languages/messages/Messages*.php): what a character class
# must hold beside a to z.
_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_FRENCH = "àâçéèêîôûäëïöüùÇÉÂÊÎÔÛÄËÏÖÜÀÈÙ"
_GERMAN = "äöüß"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψωςΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩάέήίόύώϊϋΐΰΆΈΉΊΌΎΏΪΫ"
_ITALIAN = "àéèíîìóòúù"
_PERSIAN = "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیآأئؤة\u200c"
_POLISH = "ęóąśłżźćńĘÓĄŚŁŻŹĆŃ"
_PORTUGUESE = "áâãàéêẽçíòóôõq\u0303úüűũ"
_ROMANIAN = "ăâîşţșțĂÂÎŞŢȘȚ"
_SPANISH = "áéíóúñ"

_LETTERS = {
    **dict.fromkeys(("als", "bar", "de", "dsb", "hsb", "lb", "nds", "pdc", "pfl", "stq"), _GERMAN),
    **dict.fromkeys(("an", "ast", "ay", "es", "ext", "gn", "lad", "nah", "qu"), _SPANISH),
    **dict.fromkeys(("bm", "ff", "fr", "ln", "mg", "nrm", "pcd", "sg", "ty", "wo"), _FRENCH),
    **dict.fromkeys(("co", "eml", "fur", "it", "lij", "lmo", "nap", "pms", "scn", "vec"), _ITALIAN),
    **dict.fromkeys(("av", "ce", "koi", "krc", "kv", "lez", "mhr", "myv", "ru", "sah", "tyv"), _CYRILLIC),
    **dict.fromkeys(("azb", "fa", "glk", "mzn"), _PERSIAN),
    **dict.fromkeys(("da", "kl", "nb", "nn", "no"), "æøå"),
    **dict.fromkeys(("li", "nds-nl", "nl", "srn", "vls", "zea"), "äöüïëéèà"),
    **dict.fromkeys(("et", "fiu-vro", "vep"), "äöõšüž"),
    **dict.fromkeys(("csb", "pl", "szl"), _POLISH),
    **dict.fromkeys(("gl", "mwl", "pt"), _PORTUGUESE),
    **dict.fromkeys(("rmy", "ro", "roa-rup"), _ROMANIAN),
    **dict.fromkeys(("ar", "arz"), "ء-ي"),
    **dict.fromkeys(("he", "yi"), "א-ת"),
    **dict.fromkeys(("el", "pnt"), _GREEK),
    **dict.fromkeys(("hi", "mai", "sa"), "ऀ-ॣ०-\ua8e0-\ua8ff"),
    **dict.fromkeys(("bn", "bpy"), "ঀ-৿"),
    **dict.fromkeys(("uk", "rue"), "абвгґдеєжзиіїйклмнопрстуфхцчшщьєюяёъы“»"),
    **dict.fromkeys(("be", "be-tarask", "be-x-old"), "абвгґджзеёжзійклмнопрстуўфхцчшыьэюяćčłńśšŭźž"),
    **dict.fromkeys(("ka", "xmf"), "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ“»"),
    **dict.fromkeys(("lt", "bat-smg"), "ąčęėįšųūž"),
    **dict.fromkeys(("lv", "ltg"), "A-ZĀāČčĒēĢģĪīĶķĻļŅņŠšŪūŽž"),
    **dict.fromkeys(("tr", "gag"), "ÇĞçğİıÖöŞşÜüÂâÎîÛû"),
    "az": "çəğıöşü",
    "bg": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "bs": "ćčžšđ",
    "ca": "àèéíòóúç·ïü",
    "cs": "áčďéěíňóřšťúůýž",
    "cy": "àáâèéêìíîïòóôûŵŷ",
    "fi": "äö",
    "fo": "áðíóúýæø",
    "fy": "àáèéìíòóùúâêîôûäëïöü",
    "gu": "\u0a80-\u0aff",
    "hr": "čšžćđß",
    "hu": "áéíóúöüőűÁÉÍÓÚÖÜŐŰ",
    "hy": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև«»",
    "is": "áðéíóúýþæö–-",
    "kk": "äçéğıïñöşüýа-яёәғіқңөұүһ“»",
    "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџш",
    "ml": "\u0d02-\u0d7f",
    "mn": _CYRILLIC + "“»",
    "mr": "\u0900-\u0963\u0971-\u097f",
    "oc": "àâçéèêîôû",
    "sh": "čćđžš",
    "sk": "áäčďéíľĺňóôŕšťúýž",
    "sl": "čćđžš",
    "sr": "čćđžšабвгдђежзијклљмнњопрстћуфхцчџш",
    "sv": "åäöéÅÄÖÉ",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c01-\u0c6f",
    "tg": "абвгдеёжзийклмнопрстуфхчшъэюяғӣқўҳҷцщыь",
    "tt": _CYRILLIC + "ӘәӨөҮүҖҗҢңҺһ",
    "uz": "ʻʼ“»",
    "vi": _FRENCH,
    "wa": "åâêîôûçéè",
}

# Text runs on without spaces: nothing is taken.
_WITHOUT = frozenset({"gan", "ja", "wuu", "yue", "zh", "zh-classical", "zh-yue"})


def link_trail(language: str) -> Optional[Pattern[str]]:
    """
    What of the text after a link MediaWiki makes part of it: `[[bus]]es` shows "buses". The pattern matches
    at the start of the text; `None` if nothing belongs to a link in that language.
    """
    if language in _WITHOUT:
        return None
    return re.compile(f"[a-z{_LETTERS.get(language, '')}]+")

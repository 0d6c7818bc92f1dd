"""Recognises disambiguation pages."""

from typing import FrozenSet, Iterable


def _names(lines: str) -> FrozenSet[str]:
    return frozenset(name.strip() for line in lines.strip().splitlines() for name in line.split("|"))


# Templates, in lower case, as each wiki lists them in MediaWiki:Disambiguationspage: English, German and its
# neighbours, Romance, Germanic, Slavic and Baltic languages, others of Europe, then of Asia and Africa.
_TEMPLATES = _names(
    """
    dab | disam | disamb | disambig | disambig-acronym | disambig-class | disambig-plants | disambiguation
    disambiguation page | disambiguation cleanup | disambig-cleanup | disambig cleanup | geodab | geodis
    geo-dis | hndis | hn-dis | hndab | mathdab | mathdis | mil-unit-dis | numberdis | roaddis | schooldis
    hospitaldis | stationdis | airport disambig | callsigndis | letter-numbercombdisambig | letter disambig
    dbig | dmbox | tndis | biodab
    begriffsklärung | begriffsklearung | bkl | muardüüdag artiikel | mehrdüdig begreep
    begriepskloorenge
    disambigua | disambìgua | homonymie | homonymes | internationalisation homonymie | paronymie
    patronyme homonymie | toponymie homonymie | desambiguación | desambiguacion | desambig
    desambiguação | desambiguaçao | desambiguació | homónimos | homonimia | dezambiguizare | dezambig
    dixebra | omonimia | disambigue | discretiva | dixanbigua
    doorverwijspagina | dpintro | dubbelsinnig | förgrening | grensida | flertydig | peker
    pekerside | fleirtyding | aðgreining | fleiri týdningar | neibetsjuttings
    неоднозначность | многозначность | неоднозначність | неадназначнасць | неадназначнасьць | пояснение
    вишезначна одредница | појаснување | ujednoznacznienie | rozcestník | rozlišovacia stránka
    razločitev | razdvojba | višeznačna odrednica | čvor | razvrstavanje | nuorodinis | nozīmju atdalīšana
    täsmennyssivu | täpsustuslehekülg | täpsustus | egyért | egyértelműsítő lap | αποσαφήνιση | αποσαφ
    argipen | apartigilo | kthjellim | gwahaniaethu | idirdhealú | disheñvelout | բազմիմաստություն
    მრავალმნიშვნელოვანი | anlam ayrımı | anlam ayrım | dəqiqləşdirmə | айрық | күп мәгънәләр
    曖昧さ回避 | aimai | 人名の曖昧さ回避 | 地名の曖昧さ回避 | 山岳の曖昧さ回避 | 学校名の曖昧さ回避
    同名の地名 | 神社の曖昧さ回避 | 消歧义 | 消歧義 | 消歧义页 | 消歧義頁 | 消歧 | 人名消歧义
    人名消歧義 | 地名消歧义 | 地名消歧義 | 搞清楚 | 釋義 | 동음이의 | 동명이인 | 지명동음이의
    توضيح | صفحة توضيح | ابهام‌زدایی | ابهام زدایی | ضد ابہام | ڕوونکردنەوە | פירושונים | באדייטן
    बहुविकल्पी शब्द | बहुविकल्पी | দ্ব্যর্থতা নিরসন | பக்கவழி நெறிப்படுத்தல் | అయోమయ నివృత్తి | വിവക്ഷകൾ
    แก้ความกำกวม | trang định hướng | định hướng | thđh | disambiguasi | nyahkekaburan | paglilinaw | maana
    giklaro | pansayod | zeimeibu škiršona | wěcejwóznamowosć | wjacezmyslnosć | selvendyssivu | telplänov
    homonimo | homónimos | omonimeye | omonimi | gestion dj'omònim | sclerir noziun | desambiguassiù
    verdudeliking | reddaghey | soilleireachadh | clerheans | diżambigwazzjoni | dezanbìgua | zambiguaçon
    desambiguáncia | ибҳомзудоӣ
    күп мәғәнәлелек | олон удхатай | салаа утгатай | текмаанисиздик | суолталар | чолхалла
    бир аайы јок | мъногосъмꙑслиѥ | чеперушка | цо магіна гуреб | բազմիմաստութիւն | دقیقلشدیرمه | سلجهائپ
    گجگجی بیری | نامبهمېدنه | መንታ | अस्पष्टता | बहुअर्थी | ਗੁੰਝਲ-ਖੋਲ੍ਹ | સંદિગ્ધ શીર્ષક | ದ್ವಂದ್ವ ನಿವಾರಣೆ
    වක්‍රෝත්ති | သံတူကြောင်းကွဲ | ណែនាំ | 扤清楚 | khu-pia̍t | gì-ngiê | panangilawlawag | disingkek
    """
)

# What stands in parentheses at the end of a title.
_SUFFIXES = _names(
    """
    disambiguation | begriffsklärung | homonymie | disambigua | desambiguación | desambiguação
    desambiguació | dezambiguizare | doorverwijspagina | olika betydelser | flertydig | peker
    täsmennyssivu | täpsustus | egyértelműsítő lap | αποσαφήνιση | значения | значення | значэнні
    пояснение | вишезначна одредница | појаснување | ujednoznacznienie | rozcestník
    rozlišovacia stránka | razločitev | razdvojba | višeznačna odrednica | anlam ayrımı | 曖昧さ回避
    消歧义 | 消歧義 | 동음이의 | توضيح | ابهام‌زدایی | ضد ابہام | פירושונים | बहुविकल्पी
    দ্ব্যর্থতা নিরসন | แก้ความกำกวม | định hướng | disambiguasi
    """
)

# `__DISAMBIG__` of the extension Disambiguator.
_MAGIC_WORDS = _names(
    "disambig | begriffsklärung | homonymie | disambigua | desambiguación | 曖昧さ回避 | 消歧义"
)


def is_disambiguation(title: str, templates: Iterable[str], magic_words: Iterable[str]) -> bool:
    """Whether a page with this title, these templates and these magic words (without underscores) is one."""
    if title.endswith(")") and title[title.rfind("(") + 1 : -1].lower() in _SUFFIXES:
        return True
    if any(word.lower() in _MAGIC_WORDS for word in magic_words):
        return True
    return any(_is_template(name) for name in templates)


def _is_template(name: str) -> bool:
    name = " ".join(name.lower().replace("_", " ").split())
    # English has many of these: "school disambiguation", "human name disambiguation".
    return name in _TEMPLATES or name.endswith(" disambiguation")

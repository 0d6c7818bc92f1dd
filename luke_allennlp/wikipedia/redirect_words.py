"""Redirects as wikitext, for dumps that do not mark them otherwise."""

import re
from typing import Optional

# What MediaWiki takes for "redirect", in any of its languages; upper and lower case do not matter.
_WORDS = """
REDIRECT AANSTUUR ADKAS AIL-CYFEIRIO AILGYFEIRIO AL ALIAH ALIDIREKTI ALIDIREKTU ALIH ANCAMINAR ATHSHEOLADH
AÝDAW BERALÎKIRIN BIRZUZENDU DASKEDYANS DIRECCIÓN DIRIJAR DOORVERWIJZING ENDRECERA FIHODINANA HETENAYIŞ KIAHOU
KÚFÙ LEIDT_ÖM_OP LENCONG OHJAUS OMDIRIGER OMDIRIGERING OĐĐASITSTIVREN PATRZ PERADRESAVIMAS PRESMERUJ PREUSMERI
PREUSMERITEV PREUSMJERI PRZEKIERUJ PUPINAH PUSAPUNA PŘESMĚRUJ REDIRECCION REDIRECCIÓN REDIRECIONAMENTO
REDIRECTEAZA REDIRECTION REDIRÈCCION REENDRECERA RENVIAMENT RIDREJTO RIMANDO RINDIRIZZA RINVIA RINVIO STIR
STIVREN SUUNA TAM TILVÍSUN UUDELLEENOHJAUS VARDA VIRULEEDUNG WEITERLEITUNG WIEDERLEIDEN YONALTIRISH
YOʻNALTIRISH YÖNLENDİR YÖNLENDİRME YÖNNENDİR YÖNNENDİRMÄ YÖNNENDİRMÄKLER ÁTIRÁNYÍTÁS ÖMLEIDE ÖMLEIDE_OP
ÖMLEIDUNG ĐỔI İSTİQAMƏTLƏNDİR İSTİQAMƏTLƏNDİRMƏ ΑΝΑΚΑΤΕΥΘΥΝΣΗ ÆРВИТÆН ÆРВЫСТ АЙДАУ ВИДИ ВИЖ ДЖИБЕРИУ
ДӀАСАХЬАЖОР КӨЖҮРҮЛГЕ ПЕРАНАКІРАВАННЕ ПЕРАНАКІРАВАНЬНЕ ПЕРЕНАПР ПЕРЕНАПРАВЛЕНИЕ ПЕРЕНАПРАВЛЕННЯ ПРЕНАСОЧВАНЕ
ПРЕНАСОЧУВАЊЕ ПРЕНАСОЧУВАНЕ ПРЕУСМЕРИ ПРЕУСМЈЕРИ ПРѢНАПРАВЛЄНИѤ РАРВЫСТ РЕДИРЕКТ ХЬАЖАЙО ЧИГЛҮҮЛЭГ ШИГЛЕДИР
ЮНӘЛТҮ გადამისამართება ՎԵՐԱՀՂՈՒՄ הפניה ווייטערפירן بور تحويل تغییرمسیر تغییر_مسیر رجوع_مکرر چوريو ܨܘܝܒܐ
अनुप्रेषित पुनर्निदेशन पुनर्निर्देशन पुनर्प्रेषित पुर्ननिर्देशन পুনর্নির্দেশ ਰੀਡਿਰੈਕਟ ଲେଉଟାଣି வழிமாற்று
దారిమార్పు തിരിച്ചുവിടുക തിരിച്ചുവിടൽ යළියොමුව เปลี่ยนทาง បញ្ជូនបន្ត ប្ដូរចំណងជើង ប្ដូរទីតាំង ប្ដូរទីតាំងទៅ
ប្តូរទីតាំង ប្តូរទីតាំងទៅ リダイレクト 転送 重定向 重新導向 넘겨주기
""".split()
_REDIRECT = re.compile(
    rf"\s*[#\uff03]({'|'.join(map(re.escape, _WORDS))})\s*:?\s*\[\[:?\s*([^][{{|}}#\n]+)", re.IGNORECASE
)


def find_redirect(text: str) -> Optional[str]:
    """
    # Parameters

    text : `str`
        A page's wikitext.

    # Returns

    `Optional[str]`
        Where it redirects to, if it does, as written there; without a section.
    """
    match = _REDIRECT.match(text)
    return match[2].strip() or None if match else None

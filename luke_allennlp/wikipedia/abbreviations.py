"""Words that end with a full stop although a sentence does not: for the rule-based sentence splitter."""

# Languages that write ordinals with a full stop: "am 3. Oktober".
LANGUAGES_WITH_ORDINALS = frozenset(
    "als bar bs cs csb cv da de dsb et eu fi fo frr fy hr hsb hu is kl lb lv mk nb nds nn no pdc pl sh sk sl "
    "sq sr stq szl tr".split()
)

# What is mostly followed by a name or a word of the same sentence. Words that may well be the last of one,
# such as "etc." and "Inc.", are not here: where the sentence continues, a small letter usually follows.
ABBREVIATIONS = frozenset(
    # English
    "mr mrs ms messrs dr prof st sts gen col lt sgt capt cmdr cpl maj brig adm rev revd hon sen rep gov pres "
    "supt mt ft vs cf al viz approx figs nos vols pp eds op cit dept univ assoc "
    # German
    "bzw vgl abs hl geb gest ehem sog evtl ggf inkl bspw dipl ing priv habil hrsg verh lfd "
    # French
    "mm mme mmes mlle mgr ste env éd chap fasc "
    # Spanish, Portuguese, Italian, Catalan, Romanian
    "sr sra sres srta dra dña ud uds pág págs núm avda gral lic sig sigg dott avv mons pag pagg cfr "
    "eng exmo arq pàg nr str "
    # Dutch, the Scandinavian languages, Finnish, Turkish
    "dhr mevr mw drs ir bijv zgn resp bl kl ca mvh doç yrd alb "
    # Polish, Czech, Slovak, Hungarian
    "mgr inż hab ks płk św ul pl im tzw tj np tzv např kpt mudr judr phdr "
    # Russian, Ukrainian, Bulgarian, Serbian
    "им ул пр пл св см ср напр проф акад ген гг вв тыс млн млрд руб гр рус англ нем фр лат греч яп кит род "
    "ум укр бул кв доц арх тзв нпр "
    # Greek
    "κ βλ π.χ αι "
    # Arabic, Hebrew, Hindi
    "د.ب ע.ר डॉ प्रो श्री ".split()
)

# What is so only before a number: "No. 5", but "He said no."
ABBREVIATIONS_BEFORE_NUMBER = frozenset(
    "no nr nos n.o nº fig figs vol vols pp ch sec art pl tab abb bd ff sp par op ver approx ca circa fl "
    "jan feb mar apr jun jul aug sep sept oct nov dec mrz okt dez janv févr avr juil déc ene abr ago dic "
    "tom стр рис табл гл вып núm num pag pág cap kap sz str".split()
)

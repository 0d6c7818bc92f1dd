"""
Prefixes of titles that dumps do not list: languages, sister projects, and namespaces under other names.

Each of them is taken on the wikis of Wikimedia, so that no article's title begins with one of them and a
colon.
"""

from typing import FrozenSet, Mapping

# All Wikipedias, the closed ones too, and codes that were or are names of others: `nb` of `no`, `nan` of
# `zh-min-nan`.
LANGUAGE_CODES: FrozenSet[str] = frozenset(
    """
    aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb
    ba ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bho bi bjn blk bm bn bo bpy br bs btm bug
    bxr ca cbk cbk-zam cdo ce ceb ch cho chr chy ckb cmn co cr crh cs csb cu cv cy cz da dag de dga din diq dk
    dsb dtp dty dv dz ee egl el eml en eo epo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy ga
    gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw
    hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jp jv ka kaa kab kbd kbp kcg kg kge ki kj kk
    kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg
    lv lzh mad mai map-bms mdf mg mh mhr mi min minnan mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn
    na nah nan nap nb nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag
    pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rki rm rmy rn ro roa-rup roa-tara rsk ru rue
    rup rw sa sah sat sc scn sco sd se sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn ss st
    stq su sv sw syl szl szy ta tay tcy tdd te tet tg th ti tig tk tl tly tn to tpi tr trv ts tt tum tw ty tyv
    udm ug uk ur uz ve vec vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-cfr
    zh-classical zh-cn zh-min-nan zh-tw zh-yue zu
    """.split()
)

# Other wikis, by their names and their short names, and the other sites that Wikimedia's wikis have prefixes
# for.
INTERWIKI_PREFIXES: FrozenSet[str] = frozenset(
    """
    w wikipedia wikipediawikipedia wikt wiktionary n wikinews b wikibooks q wikiquote s wikisource
    oldwikisource v wikiversity betawikiversity voy wikivoyage species wikispecies c commons m meta metawiki
    metawikimedia metawikipedia d wikidata f wikifunctions mw mediawikiwiki wmf wikimedia foundation
    foundationsite incubator outreach outreachwiki strategy testwiki test2wiki testwikidata nost nostalgia
    tenwiki sep11 wikitech labsconsole translatewiki betawiki phab phabricator bugzilla mediazilla gerrit git
    svn rev otrs otrswiki ticket utrs mail mailarchive download dbdump stats tools toollabs toolforge tswiki
    quarry petscan luxo sulutil stewardry spcom usability quality policy donate wikimania wmania wikimaniateam
    wmam wmar wmat wmau wmbd wmbe wmbr wmca wmch wmcl wmcn wmco wmcz wmdc wmde wmdk wmec wmee wmes wmet
    wmfdashboard wmfi wmfr wmge wmhi wmhk wmhu wmid wmil wmin wmit wmke wmmk wmmx wmnl wmno wmnyc wmpa-us wmph
    wmpl wmpt wmpunjabi wmro wmrs wmru wmse wmsk wmsr wmteam wmtr wmtw wmua wmuk wmve wmza
    acronym advisory advogato aew appropedia arborwiki arxiv battlestarwiki bibcode boxrec brickwiki bulba c2
    cache choralwiki citizendium comixpedia commonsarchive communitywiki comune creativecommons
    creativecommonswiki cxej dcdatabase debian delicious devmo dict dictionary disinfopedia
    distributedproofreaders dmoz doi dpd drae drumcorpswiki emacswiki encyc esolang ethnologue
    ethnologuefamily evowiki exotica fedora finalfantasy flickrphoto flickruser foldoc freebsdman
    freedomdefined freesoft gentoo gentoo-wiki genwiki google googledefine googlegroups guildwarswiki
    gutenberg gutenbergwiki hdl heroeswiki horizonlabs hrwiki iarchive imdbcharacter imdbcompany imdbname
    imdbtitle infosecpedia infosphere iso639-3 issn jira jstor kamelo komicawiki linguistlist linuxwiki
    localwiki lojban lostpedia lqwiki mariowiki marveldatabase meatball memoryalpha moinmoin mozillawiki
    mozillazinekb musicbrainz mwod mwot nara nosmoke oeis omegawiki onelook openfacts openlibrary
    openstreetmap openwetware organicdesign orthodoxwiki osmwiki owasp planetmath pmid pokewiki proofwiki
    pythoninfo pythonwiki regiowiki rfc rheinneckar robowiki rodovid rowiki rt s23wiki scholar schoolswp
    scores scoutwiki senseislibrary sharemap silcode slashdot slwiki sourceforge strategywiki tabwiki
    tclerswiki technorati tfwiki thelemapedia theopedia thinkwiki tmbw tvtropes twiki umap uncyclopedia unihan
    unreal urbandict usemod viaf vikidia votewiki werelate wikia wikiapiary wikichristian wikicities wikicity
    wikiconference wikif1 wikifur wikihow wikiindex wikilivres wikimapia wikinfo wikipapers wikiskripta
    wikisophia wikispot wikiti wikiwikiweb wipipedia wlug wookieepedia wowwiki zum
    """.split()
)

# What files and categories are called in other languages: texts are carried from wiki to wiki, and some dumps
# have another wiki's siteinfo. Only words that begin no title: not Romanian's, for "Imagine: John Lennon".
FILE_NAMES: FrozenSet[str] = frozenset(
    name.replace("_", " ")
    for name in """
    file image archivo archivu arquivo attēls berkas bestand bild bilde billede datei delwedd dosiero dosya
    failas fasciculus fichier fichièr ficheiro ficheru fil fitxategi fitxer fișier fişier fájl gambar grafika
    hình imachen imagem imagen imatge imaxe immagine kép kuva larawan lêer mynd pilt plik resim sary skrá
    slika soubor súbor tiedosto tập_tin vaizdas wobraz wêne íomhá şəkil αρχείο εικόνα выява датотека зураг
    зображення изображение податотека рәсем слика сурет файл պատկեր ფაილი სურათი קובץ תמונה טעקע בילד پرونده
    تصویر دوتنه فایل ملف صورة وێنە پەڕگە चित्र संचिका চিত্র ছবি ਤਸਵੀਰ ચિત્ર படிமம் கோப்பு ఫైలు దస్త్రం బొమ్మ
    ಚಿತ್ರ ചിത്രം പ്രമാണം ගොනුව ไฟล์ ภาพ ຮູບ ဖိုင် រូបភាព ስዕል ファイル 画像 文件 檔案 档案 图像 圖像 파일 그림
    """.split()
)
CATEGORY_NAMES: FrozenSet[str] = frozenset(
    name.replace("_", " ")
    for name in """
    category abdeeling bólkur catagóir categori categoria categorie categoría categorîa categorìa catègorie
    catégorie catigurìa flokkur jamii kaarangay kateggoría kategooria kategori kategoria kategorie kategoriija
    kategorija kategorio kategoriya kategoriye kategorî kategoriýa kategory kategorya kategória kategorėjė
    kateqoriya katiguriya kategoreja luokka rummad roinn-seòrsa sokajy thể_loại turkum κατηγορία катэгорыя
    категория категорија категорія категори төркем ангилал санат гурӯҳ կատեգորիա კატეგორია קטגוריה קאטעגאריע
    تصنيف رده زمرہ پۆل وېشنيزه تۈر श्रेणी वर्ग वर्गः বিষয়শ্রেণী ਸ਼੍ਰੇਣੀ શ્રેણી ଶ୍ରେଣୀ பகுப்பு వర్గం ವರ್ಗ
    വർഗ്ഗം ප්‍රවර්ගය หมวดหมู่ ໝວດ ကဏ္ဍ ចំណាត់ថ្នាក់ក្រុម መደብ カテゴリ 分类 分類 분류
    """.split()
)

# Of the wikis themselves: short names, the names of users by gender, and those from before 2009.
NAMESPACE_ALIASES: Mapping[str, Mapping[str, int]] = {
    "ar": {"وب": 4, "نو": 5, "مستخدمة": 2, "نقاش المستخدمة": 3, "صورة": 6, "نقاش الصورة": 7},
    "bg": {"У": 4, "Картинка": 6, "Картинка беседа": 7},
    "ca": {"VP": 4, "Usuària": 2, "Usuària Discussió": 3, "Imatge": 6, "Imatge Discussió": 7},
    "cs": {"WP": 4, "Uživatelka": 2, "Uživatel diskuse": 3, "Uživatelka diskuse": 3, "Obrázek": 6},
    "da": {"WP": 4, "Bruger diskussion": 3, "Billede": 6, "Billede diskussion": 7},
    "de": {
        "WP": 4,
        "WD": 5,
        "H": 12,
        "HD": 13,
        "P": 100,
        "PD": 101,
        "BD": 3,
        "Benutzerin": 2,
        "Benutzerin Diskussion": 3,
        "Bild": 6,
        "Bild Diskussion": 7,
    },
    "el": {"ΒΠ": 4, "Εικόνα": 6, "Συζήτηση εικόνας": 7},
    "en": {"WP": 4, "WT": 5, "TM": 10},
    "es": {"WP": 4, "Usuaria": 2, "Usuaria discusión": 3, "Imagen": 6, "Imagen discusión": 7},
    "eu": {"WP": 4, "Irudi": 6, "Irudi eztabaida": 7},
    "fa": {"وپ": 4, "بو": 5, "تصویر": 6, "بحث تصویر": 7, "ویکی پدیا": 4},
    "fi": {"WP": 4, "Kuva": 6, "Keskustelu kuvasta": 7},
    "fr": {
        "WP": 4,
        "Utilisatrice": 2,
        "Discussion utilisatrice": 3,
        "Discuter": 1,
        "Discussion Utilisateur": 3,
        "Discussion Fichier": 7,
        "Discussion Image": 7,
    },
    "he": {"וק": 4, "משתמשת": 2, "שיחת משתמשת": 3, "תמונה": 6, "שיחת תמונה": 7},
    "hi": {"वि": 4, "चित्र": 6, "चित्र वार्ता": 7},
    "hu": {"WP": 4, "Kép": 6, "Képvita": 7, "Szerkesztővita": 3},
    "id": {"WP": 4, "Gambar": 6, "Pembicaraan Gambar": 7, "Istimewa": -1},
    "it": {"WP": 4, "Immagine": 6, "Discussioni immagine": 7, "P": 100, "DP": 102, "CAT": 14},
    "ja": {"WP": 4, "トーク": 1, "利用者・トーク": 3, "画像": 6, "カテゴリ": 14},
    "ko": {"백": 4, "위키백과": 4, "그림": 6, "그림토론": 7, "그림 토론": 7},
    "nl": {
        "WP": 4,
        "Gebruikster": 2,
        "Overleg gebruikster": 3,
        "Afbeelding": 6,
        "Overleg afbeelding": 7,
        "H": 12,
    },
    "no": {"WP": 4, "Bilde": 6, "Bildediskusjon": 7},
    "pl": {
        "WP": 4,
        "Wikipedystka": 2,
        "Dyskusja wikipedystki": 3,
        "Użytkownik": 2,
        "Dyskusja użytkownika": 3,
        "Użytkowniczka": 2,
        "Dyskusja użytkowniczki": 3,
        "Grafika": 6,
        "Dyskusja grafiki": 7,
    },
    "pt": {
        "WP": 4,
        "Usuário": 2,
        "Usuária": 2,
        "Utilizador": 2,
        "Utilizadora": 2,
        "Usuário Discussão": 3,
        "Usuária Discussão": 3,
        "Utilizador Discussão": 3,
        "Utilizadora Discussão": 3,
        "Imagem": 6,
        "Imagem Discussão": 7,
        "Ficheiro Discussão": 7,
        "Arquivo": 6,
    },
    "ro": {"WP": 4, "Utilizatoare": 2, "Discuție Utilizatoare": 3, "Imagine": 6, "Discuţie Imagine": 7},
    "ru": {
        "ВП": 4,
        "Участница": 2,
        "Обсуждение участницы": 3,
        "У": 2,
        "ОУ": 3,
        "Изображение": 6,
        "Обсуждение изображения": 7,
        "И": 102,
        "П": 100,
        "Ш": 10,
        "К": 14,
    },
    "sv": {"WP": 4, "Användardiskussion": 3, "Bild": 6, "Bilddiskussion": 7},
    "tr": {"VP": 4, "Resim": 6, "Resim tartışma": 7, "K": 2, "KM": 3},
    "uk": {
        "ВП": 4,
        "Користувачка": 2,
        "Обговорення користувачки": 3,
        "Зображення": 6,
        "Обговорення зображення": 7,
        "К": 14,
    },
    "vi": {"WP": 4, "Hình": 6, "Thảo luận Hình": 7},
    "zh": {
        "WP": 4,
        "维基百科": 4,
        "維基百科": 4,
        "用户": 2,
        "用戶": 2,
        "使用者": 2,
        "用户讨论": 3,
        "用戶討論": 3,
        "图像": 6,
        "圖像": 6,
        "文件": 6,
        "檔案": 6,
        "档案": 6,
        "模板": 10,
        "帮助": 12,
        "幫助": 12,
        "分类": 14,
        "分類": 14,
        "特殊": -1,
        "媒体": -2,
        "媒體": -2,
    },
}

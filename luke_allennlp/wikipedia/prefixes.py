"""
Prefixes of titles that dumps do not list: languages, sister projects, and namespaces under other names.

Each of them is taken on the wikis of Wikimedia, so that no article's title begins with one of them and a
colon.
"""

from typing import Dict, FrozenSet

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

# Short names of namespaces, those of users by gender, and those from before 2009, wiki by wiki.
_ALIASES = """
    ar: 4=وب 5=نو 2=مستخدمة 3=نقاش_المستخدمة 6=صورة 7=نقاش_الصورة
    bg: 4=У 6=Картинка 7=Картинка_беседа
    ca: 4=VP 2=Usuària 3=Usuària_Discussió 6=Imatge 7=Imatge_Discussió
    cs: 4=WP 2=Uživatelka 3=Uživatel_diskuse 3=Uživatelka_diskuse 6=Obrázek
    da: 4=WP 3=Bruger_diskussion 6=Billede 7=Billede_diskussion
    de: 4=WP 5=WD 12=H 13=HD 100=P 101=PD 3=BD 2=Benutzerin 3=Benutzerin_Diskussion 6=Bild 7=Bild_Diskussion
    el: 4=ΒΠ 6=Εικόνα 7=Συζήτηση_εικόνας
    en: 4=WP 5=WT 10=TM
    es: 4=WP 2=Usuaria 3=Usuaria_discusión 6=Imagen 7=Imagen_discusión
    eu: 4=WP 6=Irudi 7=Irudi_eztabaida
    fa: 4=وپ 5=بو 6=تصویر 7=بحث_تصویر 4=ویکی_پدیا
    fi: 4=WP 6=Kuva 7=Keskustelu_kuvasta
    fr: 4=WP 2=Utilisatrice 3=Discussion_utilisatrice 1=Discuter 3=Discussion_Utilisateur
    fr: 7=Discussion_Fichier 7=Discussion_Image
    he: 4=וק 2=משתמשת 3=שיחת_משתמשת 6=תמונה 7=שיחת_תמונה
    hi: 4=वि 6=चित्र 7=चित्र_वार्ता
    hu: 4=WP 6=Kép 7=Képvita 3=Szerkesztővita
    id: 4=WP 6=Gambar 7=Pembicaraan_Gambar -1=Istimewa
    it: 4=WP 6=Immagine 7=Discussioni_immagine 100=P 102=DP 14=CAT
    ja: 4=WP 1=トーク 3=利用者・トーク 6=画像 14=カテゴリ
    ko: 4=백 4=위키백과 6=그림 7=그림토론 7=그림_토론
    nl: 4=WP 2=Gebruikster 3=Overleg_gebruikster 6=Afbeelding 7=Overleg_afbeelding 12=H
    no: 4=WP 6=Bilde 7=Bildediskusjon
    pl: 4=WP 2=Wikipedystka 3=Dyskusja_wikipedystki 2=Użytkownik 3=Dyskusja_użytkownika 2=Użytkowniczka
    pl: 3=Dyskusja_użytkowniczki 6=Grafika 7=Dyskusja_grafiki
    pt: 4=WP 2=Usuário 2=Usuária 2=Utilizador 2=Utilizadora 3=Usuário_Discussão 3=Usuária_Discussão
    pt: 3=Utilizador_Discussão 3=Utilizadora_Discussão 6=Imagem 7=Imagem_Discussão 7=Ficheiro_Discussão
    pt: 6=Arquivo
    ro: 4=WP 2=Utilizatoare 3=Discuție_Utilizatoare 6=Imagine 7=Discuţie_Imagine
    ru: 4=ВП 2=Участница 3=Обсуждение_участницы 2=У 3=ОУ 6=Изображение 7=Обсуждение_изображения 102=И 100=П
    ru: 10=Ш 14=К
    sv: 4=WP 3=Användardiskussion 6=Bild 7=Bilddiskussion
    tr: 4=VP 6=Resim 7=Resim_tartışma 2=K 3=KM
    uk: 4=ВП 2=Користувачка 3=Обговорення_користувачки 6=Зображення 7=Обговорення_зображення 14=К
    vi: 4=WP 6=Hình 7=Thảo_luận_Hình
    zh: 4=WP 4=维基百科 4=維基百科 2=用户 2=用戶 2=使用者 3=用户讨论 3=用戶討論 6=图像 6=圖像 6=文件
    zh: 6=檔案 6=档案 10=模板 12=帮助 12=幫助 14=分类
    zh: 14=分類 -1=特殊 -2=媒体 -2=媒體
"""
NAMESPACE_ALIASES: Dict[str, Dict[str, int]] = {}
for _line in _ALIASES.strip().splitlines():
    _language, _, _names = _line.strip().partition(": ")
    for _number, _, _name in (_pair.partition("=") for _pair in _names.split()):
        NAMESPACE_ALIASES.setdefault(_language, {})[_name.replace("_", " ")] = int(_number)

"""The languages that sentences can be cut in, by the codes that the splitter knows."""

from difflib import get_close_matches

# Those that the splitter has abbreviations and marks of its own for.
RULES = {
    "am": "Amharic",
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "gu": "Gujarati",
    "hi": "Hindi",
    "hy": "Armenian",
    "it": "Italian",
    "ja": "Japanese",
    "kk": "Kazakh",
    "kn": "Kannada",
    "ml": "Malayalam",
    "mr": "Marathi",
    "my": "Burmese",
    "nl": "Dutch",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sk": "Slovak",
    "ta": "Tamil",
    "te": "Telugu",
    "uk": "Ukrainian",
}
# Written without blanks: the marks that end a sentence in any script do, and there are no
# abbreviations to know.
WITHOUT_BLANKS = {"km": "Khmer", "lo": "Lao", "th": "Thai", "zh": "Chinese"}
# Those for which the splitter takes the rules of a neighbour.
NEIGHBOURS = (
    "aae ab acm aeb als alt an anp apc arn arq ary arz ast atj av avk awa ay ba bar bci blk bm "
    "bpy bxr ce co cs csb cv dsb dua egl eml ext fit fon frc frp frr fur gcf gcr gl gld gn gsw "
    "guc hke hrx hsb ht hyw inh jut kaa kab kbp kea kjh kjp kl koi krc krl ksh ksw kum kv lad "
    "lb lbe lez li lij lld lmo ln lua mag mai mdf mg mhr mnw mrj mwl myv nah nap nds oc olo os "
    "pcd pdc pdt pfl pms pnt qu qug rgn rm rue rut sa sah scn sdc ses sg shy sjd sli smn srn "
    "sro stq sty szl tcy tet tt ty tyv udm vec vls vmf vmw vot wa wls wo xal "
)
LANGUAGES = frozenset((*RULES, *WITHOUT_BLANKS, *NEIGHBOURS.split()))


def language_code(language: str) -> str:
    """A code in any case, with or without a region, in; the code that the splitter knows out.

    Raises ValueError, which says what was expected, where there is none.
    """
    code = language.strip().lower().replace("_", "-").split("-")[0]
    if code in LANGUAGES:
        return code
    names = {name.lower(): known for known, name in (RULES | WITHOUT_BLANKS).items()}
    near = [names[name] for name in get_close_matches(code, names, 1, 0.85)]
    nearest = next(iter([*near, *({code[:2]} & LANGUAGES), "en"]))
    raise ValueError(
        f"expected a code such as {nearest}, of a language that has rules for sentences: "
        f"{' '.join(sorted(RULES | WITHOUT_BLANKS))}, or of one that shares them"
    )

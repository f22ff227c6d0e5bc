"""Fonts as Fontsource packs them (one WOFF for a script) to alphabets. Needs fontTools."""

from __future__ import annotations

import unicodedata
from io import BytesIO

import numpy as np
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont

from models.synth.library import Alphabet
from models.synth.outline import polygons

_LATIN = [
    "love",
    "hope",
    "faith",
    "family",
    "forever",
    "strength",
    "courage",
    "believe",
    "Mama",
    "Papa",
    "Anna",
    "Leo",
    "Mia",
    "Noah",
    "Sofia",
    "Lucas",
    "Carpe",
    "Diem",
    "Memento",
    "Mori",
    "Veritas",
    "Libertas",
    "Amor",
    "Vincit",
    "Omnia",
    "Sempre",
    "Fortuna",
    "Respire",
    "Namaste",
    "Nevermore",
    "Warrior",
    "Blessed",
    "Dream",
    "Destiny",
    "Grace",
    "Loyalty",
    "Honor",
    "Brother",
    "Sister",
    "Rest",
    "Peace",
    "Wild",
    "Free",
    "Chaos",
    "Karma",
    "Serenity",
    "Phoenix",
    "XIV",
    "VII",
    "MMXX",
    "IV.VIII.MCMXC",
    "1987",
    "2004",
    "23.05.12",
    "12/08/99",
    "&",
    "Only",
    "God",
    "Time",
    "heals",
    "Live",
    "Laugh",
    "Stay",
    "strong",
    "Still",
    "I",
    "rise",
    "Home",
    "Ocean",
    "Moon",
    "Never",
    "again",
    "Survivor",
    "Mother",
    "Father",
    "Joy",
    "Trust",
    "Alive",
    "Infinity",
    "Soul",
    "Heart",
    "Beauty",
]
WORDS = {
    "latin": tuple(_LATIN),
    "cyrillic": (
        "любовь",
        "надежда",
        "вера",
        "семья",
        "сила",
        "мама",
        "жизнь",
        "свобода",
        "судьба",
        "Анна",
        "Москва",
        "1991",
    ),
    "hebrew": ("אהבה", "תקווה", "שלום", "משפחה", "חיים", "אמת", "כוח", "אמא", "לב", "נצח"),
    "arabic": ("حب", "أمل", "سلام", "حياة", "أمي", "قوة", "صبر", "حرية", "نور", "قلب", "عائلة", "الله"),
    "devanagari": ("ॐ", "माता", "राम", "नमः", "पापा", "आशा", "जय", "कमल", "सागर", "मन", "राधा", "महादेव"),
    "thai": ("รัก", "ชีวิต", "แม่", "พ่อ", "โชคดี", "อดทน", "สุข", "กำลัง", "ธรรม"),
    "tibetan": ("ༀ", "མ", "ཎི", "པ", "དྨེ", "ཧཱུྃ", "བདེ", "རྟག"),
    "chinese-simplified": (
        "爱",
        "家",
        "龙",
        "福",
        "力",
        "勇",
        "梦",
        "心",
        "命",
        "静",
        "虎",
        "道",
        "和",
        "永",
        "恒",
        "信",
        "望",
        "自由",
        "平安",
        "坚强",
        "武士",
        "忍",
    ),
}
"""What is written: names, dates and mottoes, in each script the fonts are taken for."""


def alphabet(woff: bytes, script: str, source: str) -> Alphabet:
    """The glyphs of that script's words. Raises ValueError where a font lacks most of them."""
    font = TTFont(BytesIO(woff))
    cmap, glyphs, em = font.getBestCmap(), font.getGlyphSet(), font["head"].unitsPerEm
    words = [w for w in (visual(word) for word in WORDS[script]) if all(ord(c) in cmap for c in w)]
    if len(words) < len(WORDS[script]) // 2:
        raise ValueError(f"{source}: writes only {len(words)} of the {len(WORDS[script])} words in {script}")
    outlines, advance = {}, {}
    for letter in sorted(set("".join(words))):
        pen = SVGPathPen(glyphs)
        glyph = glyphs[cmap[ord(letter)]]
        glyph.draw(pen)
        contours = polygons(pen.getCommands())
        outlines[letter] = tuple(c * np.array([1 / em, -1 / em]) for c in contours)
        advance[letter] = glyph.width / em
    advance.setdefault(" ", 0.28)
    return Alphabet(outlines, advance, tuple(words), source)


def visual(word: str) -> str:
    """The word from left to right as it is seen; Arabic in joined forms (Unicode, block FE70)."""
    if not any(unicodedata.bidirectional(c) in ("R", "AL") for c in word):
        return word
    return "".join(reversed(_joined(word)))


def _presentation() -> dict[tuple[str, str], str]:
    """(letter, form) to its presentation form; form is isolated, initial, medial or final."""
    table = {}
    for code in range(0xFE70, 0xFF00):
        kind, *base = unicodedata.decomposition(chr(code)).split() or [""]
        if len(base) == 1 and kind:
            table[(chr(int(base[0], 16)), kind.strip("<>"))] = chr(code)
    return table


_FORMS = _presentation()


def _joined(word: str) -> list[str]:
    out = []
    for k, letter in enumerate(word):
        before = k > 0 and (word[k - 1], "initial") in _FORMS
        after = k + 1 < len(word) and (word[k + 1], "final") in _FORMS and (letter, "initial") in _FORMS
        form = {
            (False, False): "isolated",
            (False, True): "initial",
            (True, True): "medial",
            (True, False): "final",
        }
        out.append(_FORMS.get((letter, form[(before, after)]), letter))
    return out

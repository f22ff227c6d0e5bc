"""Every set of pictures and every font that designs may use: where from, under which licence, which bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PERMITTED: Final = ("MIT", "ISC", "Apache-2.0", "CC0-1.0", "CC-BY-3.0", "OFL-1.1")


@dataclass(frozen=True)
class Source:
    """One npm package, pinned."""

    package: str
    version: str
    sha512: str
    """Base64, as npm's `integrity` gives it."""
    licence: str
    """SPDX identifier, one of PERMITTED, as the package itself says."""
    attribution: str
    kind: Literal["icons", "font"]
    take: int = 0
    """Icons: at most so many, evenly over the set; 0 is all."""
    skip: tuple[str, ...] = ()
    """Icons: names that hold one of these are left out (trade marks, arrows, variants)."""
    script: str = "latin"
    """Fonts: the subset of Fontsource, which names the file and the words."""

    @property
    def archive(self) -> str:
        """Name of the tarball, as `npm pack` writes it."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


_INTERFACE = (
    "arrow",
    "logo",
    "brand",
    "align",
    "chevron",
    "caret",
    "text-",
    "file-",
    "format-",
    "sort",
    "wifi",
)

SOURCES: Final = (
    Source(
        "@iconify-json/game-icons",
        "1.2.4",
        "/HDDZxowXgDJcOEwPspUCq5RuDdl25OyZKdtxqqiPJQNTrWIym7r4StLzIVs77DyNzOWWhH5wDqwYR3WHeDfkg==",
        "CC-BY-3.0",
        "Game-icons.net by Lorc, Delapouite and contributors (https://game-icons.net)",
        "icons",
        take=0,
        skip=(),
    ),
    Source(
        "@iconify-json/fluent-emoji-high-contrast",
        "1.2.6",
        "esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w==",
        "MIT",
        "Fluent Emoji by Microsoft Corporation",
        "icons",
        take=0,
        skip=("flag", "keycap", "button"),
    ),
    Source(
        "@iconify-json/ph",
        "1.2.2",
        "PgkEZNtqa8hBGjHXQa4pMwZa93hmfu8FUSjs/nv4oUU6yLsgv+gh9nu28Kqi8Fz9CCVu4hj1MZs9/60J57IzFw==",
        "MIT",
        "Phosphor Icons",
        "icons",
        take=1300,
        skip=(*_INTERFACE, "-duotone", "-light", "cursor", "number"),
    ),
    Source(
        "@iconify-json/tabler",
        "1.2.41",
        "GHg+H/cnr0anaCoV383JONiOMxZQOdojWYNLgL3x0fRE07YW7c+AHiYmIhXet//oq26T830qitdP7l43ojiCXw==",
        "MIT",
        "Tabler Icons by Paweł Kuna",
        "icons",
        take=900,
        skip=(*_INTERFACE, "-off", "layout", "device", "number", "letter", "square-"),
    ),
    Source(
        "@iconify-json/healthicons",
        "1.2.13",
        "1c6nzjXoYBHwFqckX4Jb0PIReOzm3FZ4hWHNz/YYw1yL7QRBTeolh+S4kWpjWVa8hn9oJjgdFv0fyd8ERcRiEA==",
        "MIT",
        "Health Icons by Resolve to Save Lives",
        "icons",
        take=600,
        skip=("negative", "-24px", "form"),
    ),
    Source(
        "@iconify-json/lucide",
        "1.2.137",
        "uKz1+tFbv1RFX/mJQNksdnyKJijNfRGSNnxfiyKtr+dLNfA3ERph+IgpXClKGOlV/5GsZwLv2jgJXQ/bjF/JAg==",
        "ISC",
        "Lucide Contributors",
        "icons",
        take=500,
        skip=(*_INTERFACE, "square-", "circle-", "panel"),
    ),
    Source(
        "@iconify-json/mdi",
        "1.2.3",
        "O3cLwbDOK7NNDf2ihaQOH5F9JglnulNDFV7WprU2dSoZu3h3cWH//h74uQAB87brHmvFVxIOkuBX2sZSzYhScg==",
        "Apache-2.0",
        "Material Design Icons by Pictogrammers and Google",
        "icons",
        take=700,
        skip=(
            *_INTERFACE,
            "microsoft",
            "google",
            "account",
            "alpha",
            "numeric",
            "-off",
            "box",
            "apple",
            "android",
            "language",
            "cellphone",
            "database",
        ),
    ),
    Source(
        "@iconify-json/maki",
        "1.2.5",
        "ZSeyytU+a720d/mX+XXQicmKGgFTFK4yDvhlK9NUnWjc8jChujwb8bJLfhhp65BYDyq/1lIbeAimQPuVwMyxAg==",
        "CC0-1.0",
        "Maki by Mapbox",
        "icons",
        take=0,
        skip=("-11",),
    ),
    Source(
        "@fontsource/great-vibes",
        "5.3.0",
        "1w60cXzXnC9V4y943po8044O1mqRQBiTTK75h7OpZE+1VQtx+KlAAzoIyEE5KNzu05gUpxaCQg7cbL7ITSwegQ==",
        "OFL-1.1",
        "Copyright 2010 The Great Vibes Pro Project Authors (https://github.com/googlefonts/great-vibes)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/dancing-script",
        "5.3.0",
        "/FFbz4ZCNN+eG2a6phkZB41iKmyCC6rq2blA/kG9OFeI3/tpzLNazND1bBdEnogLhpfg7o4NfauTbEEYSpSUGg==",
        "OFL-1.1",
        "Copyright 2016 The Dancing Script Project Authors "
        "(https://github.com/googlefonts/DancingScript), with Reserved Font Name 'Dancing Script'.",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/sacramento",
        "5.3.0",
        "KkqN52aTsJ0pSBva/NREqFljs0M1TwMIpNcqdSQc2EKR/mVU1CvM2dazf9eG19rHMTIssjbia83nGG705SlD1w==",
        "OFL-1.1",
        "Copyright (c) 2012 by Brian J. Bonislawsky DBA Astigmatic (AOETI) "
        "(astigma@astigmatic.com), with Reserved Font Name 'Sacramento'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/pinyon-script",
        "5.3.0",
        "ilhy4l5apzyDkfuKb7PZBUT5Sf6nfxucdXT5TQ0wQDyWtDPlouLy1lQq3lMEPk1lPsHHVrd11EkPnEG8FqDgUA==",
        "OFL-1.1",
        "Copyright 2022 The PinyonScript Project Authors (https://github.com/SorkinType/Pinyon)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/allura",
        "5.3.0",
        "UqloNNVxl03+psvtIXCYuo7/v2mD9XmX2HGiczhK6NmDDwbFJJDjrbHZ5tpNuVXKsMEQPc46tZu3hewYN82/YA==",
        "OFL-1.1",
        "Copyright 2010 The Allura Project Authors (https://github.com/googlefonts/allura)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/kaushan-script",
        "5.3.0",
        "Kdcvr76wOGp2jgKkkmAOETmPcw/a34RU/qcGW2+gSKzkKyr03vEaLWSbSABoVKWuyuoqWoulcmC4571vq3BYvg==",
        "OFL-1.1",
        "Copyright (c) 2011, Pablo Impallari (www.impallari.com|impallari@gmail.com), Copyright (c) "
        "2011, Igino Marini. (www.ikern.com|mail@iginomarini.com), with Reserved Font Name Kaushan "
        "Script.",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/monsieur-la-doulaise",
        "5.3.0",
        "BiXcax07rSQX8vtg/GFzjen/nn+3YJqS7YyVNIIz9aFYqjMsxEDxqZmKThnSO6aprmbxYxEFAVgZvR1P8mIG1A==",
        "OFL-1.1",
        "Copyright (c) 2006 Alejandro Paul (sudtipos@sudtipos.com), with Reserved Font Name "
        "'MonsieurLaDoulaise'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/caveat",
        "5.3.0",
        "eHTfzQxFSW9ABERRLNruHoNJmKed2J7pqTUc5lp4a4POMgXGKpxmWj3d9Hz10kmAg6iuTTLe6UagbA4bnsmfQw==",
        "OFL-1.1",
        "Copyright 2014 The Caveat Project Authors (https://github.com/googlefonts/caveat)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/homemade-apple",
        "5.3.0",
        "awJSYTbSY3SroC8nirEhDauHvERVvm0LI3FpUHsPZXl9Tht1xrqhiI8ro4yf3ROcvQ7CfFJ/2+DLcOHBOXhJKw==",
        "Apache-2.0",
        "Copyright (c) 2010 by Font Diner, Inc. All rights reserved.",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/unifrakturcook",
        "5.3.0",
        "oOeUerPztcIBR6/+krMW4n/8VLF8A4NrjCNpR1C6F/C8JLekLMoSm5JzrxfPtyn5RtJdYQdTYigk4CtUCWxBCw==",
        "OFL-1.1",
        "Copyright (c) 2010 j. 'mach' wust (j.mach.wust@gmail.com) with Reserved Font Name "
        "UnifrakturCook. Copyright (c) 2009 Peter Wiegel (wiegel@peter-wiegel.de).",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/unifrakturmaguntia",
        "5.3.0",
        "z8NGOUeAu0T534Z8tEyuNbuUZsUiRoQKzg3gRB5sb2o2DipxEqmYQqHdlwxsbN0gpwhgcClKrCuB/AhVeY2UOQ==",
        "OFL-1.1",
        "Copyright (c) 2010 j. 'mach' wust (j.mach.wust@gmail.com) with Reserved Font Name "
        "UnifrakturMaguntia. Copyright (c) 2009 Peter Wiegel (wiegel@peter-wiegel.de).",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/pirata-one",
        "5.3.0",
        "qeaDy+F+TcCVdODaIvD4U0ZoaWPejpkXwHAAHIBtauwP/9mf+Sj8ORX5UYcnBpnyhd7ihYPpW+WWPbz9FryrJQ==",
        "OFL-1.1",
        "Copyright (c) 2012, Rodrigo Fuenzalida (hello@rfuenzalida.com), Nicolas Massi "
        "(www.taip.com.ar / abc.taip.com.ar / nmassi@gmail.com), with Reserved Font Name 'Pirata'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/grenze-gotisch",
        "5.3.0",
        "hIgb3TJWnwjiaf8FWMYfPe5PvHHnSv+VYUJI40Fj0KhjWhBhBl4LTsGrkr4MSjo6mG+znR2tBz5L++4wkEgI1A==",
        "OFL-1.1",
        "Copyright 2020 The Grenze Gotisch Project Authors (https://github.com/Omnibus-Type/Grenze-Gotisch)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/uncial-antiqua",
        "5.3.0",
        "HA/cOSbmAt+RQniolOzckWYOzVUBg3YgczkVD01rRO61ErT9PYN3frgqvH7JqN5/7wg+W05EYY/7MbPdtgT0gw==",
        "OFL-1.1",
        "Copyright (c) 2011 by Brian J. Bonislawsky DBA Astigmatic (AOETI) "
        "(astigma@astigmatic.com), with Reserved Font Name 'Uncial Antiqua'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/metamorphous",
        "5.3.0",
        "/qNqttYuuqqoLGbh0PARtc5hgn+dAK7Lz4w73YMUQfz5CZfAZTp7fHQc2F8AbWePuqd011T6qn/heyV6Lay5tw==",
        "OFL-1.1",
        "Copyright (c) 2011, Sorkin Type Co (www.sorkintype.com eben@eyebytes.com) with Reserved "
        "Font Name 'Metamorphous'.",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/almendra",
        "5.3.0",
        "edtEANMc9SKccDhYmtcxmlrvzzjHTQ/enLiOgWc4ODQDjdMf6zfoUdwpBHPPw+0pekeI7PyBsP4JqjyviiIuGg==",
        "OFL-1.1",
        "Copyright (c) 2011-2012, Ana Sanfelippo (anasanfe@gmail.com), with Reserved Font Name 'Almendra'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/cinzel",
        "5.3.0",
        "KEOYTsrRppW0uRIPWBDPrQgunCS6f8u4nzZxYRBfo9SCknKojLYjK7B0ZoVmJhyVLefz271ZQRF9EOpHZlfhRw==",
        "OFL-1.1",
        "Copyright 2020 The Cinzel Project Authors (https://github.com/NDISCOVER/Cinzel)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/playfair-display",
        "5.3.0",
        "uJSABalvdWc10fEPppQjQocamT21LEyRfzzWfRfqbkPz+sRv+kKpYDKyluBUskvJREkJTos9epj1WjQROGu99Q==",
        "OFL-1.1",
        "Copyright 2017 The Playfair Display Project Authors "
        "(https://github.com/clauseggers/Playfair-Display), with Reserved Font Name 'Playfair "
        "Display'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/special-elite",
        "5.3.0",
        "fOQ9XU8m4KnqzcLibAXCxTsKzbxePNDjPqVss5GSMcPVCY1TuCv+Wq8gm1ebqIR6XS1rhMbQ7ECP9ocKVEEpTA==",
        "Apache-2.0",
        "Copyright (c) 2010 by Brian J. Bonislawsky DBA Astigmatic (AOETI). All rights reserved.",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/rye",
        "5.3.0",
        "nKMwMa2/y8LMfhxs7Wm6FnbwXLKsBrJKs6dygYOPrmbpRIvBlf7Kt1mDNm0lzDIuuU+ghluQsisqpQ7peDm7gA==",
        "OFL-1.1",
        "Copyright (c) 2012, Sorkin Type Co (eben@eyebytes.com) with Reserved Font Name 'Rye'",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/bebas-neue",
        "5.3.0",
        "nCxMEb9Bg9sjNWm9TIOsvHKDMLRUfEZPWpLgYu6m9KavZZVSA/WoHzI5wROwqA+eNwEi/PNBAcB5Co7HA3S0Cw==",
        "OFL-1.1",
        "Copyright 2019 The Bebas Neue Project Authors (https://github.com/dharmatype/Bebas-Neue)",
        "font",
        script="latin",
    ),
    Source(
        "@fontsource/amiri",
        "5.3.0",
        "i4SWJnVIphj8556EdVzNrEG/Qu82k6JXjXTtSUIohx3tHmo2GHw1Kv60TWo+xjk7Yf1Etb2Gskh0lUFclTKyUw==",
        "OFL-1.1",
        "Copyright 2010-2022 The Amiri Project Authors (https://github.com/aliftype/amiri)",
        "font",
        script="arabic",
    ),
    Source(
        "@fontsource/frank-ruhl-libre",
        "5.3.0",
        "t9cbVzyuEJZGYafP01s7FQ1KAkh/Fs2nakfPzZpPY8BtfvGlZxQRxXAqJ/qluyfZXilpqw0Hk+GlYiWfmSSRTg==",
        "OFL-1.1",
        "Copyright 2015 The Frank Ruhl Libre Project Authors (https://github.com/fontef/frankruhllibre)",
        "font",
        script="hebrew",
    ),
    Source(
        "@fontsource/noto-sans-devanagari",
        "5.3.0",
        "7khYmipS/5KAUUmrO1DKir8yL8XI00d0+ZE9BqbS8XF1jzObv6CpPOk3UeYxF+Pvi8bx9bBvprBCOcbx/eQWTQ==",
        "OFL-1.1",
        "Copyright 2022 The Noto Project Authors (https://github.com/notofonts/devanagari)",
        "font",
        script="devanagari",
    ),
    Source(
        "@fontsource/tillana",
        "5.2.8",
        "tGaifbybelB7CG/9zD9X10bJ99d3U6wJBjZMd/JMEZXOudj4w7NG/WeisKrEayZYF/NY13g7bUGKHFg7Tjt3fg==",
        "OFL-1.1",
        "Copyright (c) 2014 Indian Type Foundry (info@indiantypefoundry.com)",
        "font",
        script="devanagari",
    ),
    Source(
        "@fontsource/charm",
        "5.2.7",
        "7YQHNfUyTApkgghY2A1AQ/Hq1q4sxF0L2g4CzOHgQdQ8o8X2oUMWNDN0QU3tWK6rezvtXJO3jLjiPma+GD1DIQ==",
        "OFL-1.1",
        "Copyright 2018 The Charm Project Authors (https://github.com/cadsondemak/charm)",
        "font",
        script="thai",
    ),
    Source(
        "@fontsource/sriracha",
        "5.3.0",
        "0JjwrC1/BXsSXMEcmmtyoQut1/gy/+wGBP1wiSPaPXvHr1yBmmU2Kl8drBSpRtvRD4Rm9Bb2/FdDK3x4yQ364g==",
        "OFL-1.1",
        "Copyright (c) 2015, Cadson Demak (info@cadsondemak.com), Copyright (c) 2014, Pablo "
        "Impallari (www.impallari.com|impallari@gmail.com)",
        "font",
        script="thai",
    ),
    Source(
        "@fontsource/ma-shan-zheng",
        "5.3.1",
        "cGGn7Yje2RSduXVxEk+rCfNZyD/T/7FMGj03LNPiK8TRL9Sing0tq1zJF3n+W29szPqgb2RNs5oIvmm+ikeI+Q==",
        "OFL-1.1",
        "Copyright 2018 The MaShanZheng Project Authors (https://github.com/googlefonts/mashanzheng)",
        "font",
        script="chinese-simplified",
    ),
    Source(
        "@fontsource/noto-serif-tibetan",
        "5.3.0",
        "0BEcd06ijxHuEBkZJcRqB0g0hPAY/wGrqEzvCaq84j1ZjgQRey+ZDqRBA/bMKfoz0jB+nnW9dXaHAmCsctkMrw==",
        "OFL-1.1",
        "Copyright 2022 The Noto Project Authors (https://github.com/notofonts/tibetan)",
        "font",
        script="tibetan",
    ),
    Source(
        "@fontsource/playfair-display",
        "5.3.0",
        "uJSABalvdWc10fEPppQjQocamT21LEyRfzzWfRfqbkPz+sRv+kKpYDKyluBUskvJREkJTos9epj1WjQROGu99Q==",
        "OFL-1.1",
        "Copyright 2017 The Playfair Display Project Authors "
        "(https://github.com/clauseggers/Playfair-Display), with Reserved Font Name 'Playfair "
        "Display'",
        "font",
        script="cyrillic",
    ),
)

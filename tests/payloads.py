"""Chart text that a Markdown or HTML renderer would act on, if it were let through."""

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
BIDI = "\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
HOSTILE = [
    # HTML
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='https://evil.example'>x</a>",
    "<b>bold</b>",
    "</div><h1>Approved</h1>",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example>",
    "<!-- comment -->",
    "<![CDATA[x]]>",
    "<?php echo 1 ?>",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "&#x3c;b&#x3e;",
    "&nbsp;&amp;",
    "< script >",
    "<https://evil.example>",
    "<me@evil.example>",
    # links and images
    "[click](https://evil.example)",
    "[click]: https://evil.example",
    "![x](https://evil.example/x.png)",
    "[![x](a)](b)",
    "[x][y]",
    "[x]",
    "[^1]",
    "https://evil.example/a?b=c",
    "http://evil.example",
    "ftp://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "www.evil.example",
    "WWW.evil.example",
    "(www.evil.example)",
    "*www.evil.example*",
    "me@evil.example",
    "foo-@evil.example",
    "a+@b.co",
    "x.@y.zz",
    "a@-b.co",
    "mailto:me@evil.example",
    "xmpp:me@evil.example/x",
    "javascript:alert(1)",
    "data:text/html,<b>",
    "http:\u200b//evil.example",
    "w\u200bww.evil.example",
    "h\u202ettps://evil.example",
    "@everyone",
    # emphasis, code, strike-through
    "**bold**",
    "*x*",
    "__bold__",
    "_x_",
    "***x***",
    "~~gone~~",
    "`code`",
    "```\ncode\n```",
    "~~~\ncode\n~~~",
    "\\*x\\*",
    "\\<b\\>",
    # blocks
    "# heading",
    "###### heading",
    "heading\n===",
    "heading\n---",
    "> quote",
    "- item",
    "* item",
    "+ item",
    "1. item",
    "1) item",
    "- [ ] task",
    "---",
    "***",
    "| a | b |\n|---|---|",
    "    code",
    "\tcode",
    "a  \nb",
    "a\\\nb",
    "a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h",
    "$x^2$ $$x$$",
    ":smile: :+1:",
    "{{context.patientId}} {0} {record} %s",
    "\x00\x01\x1b[31mred\x7f\x9b",
    BIDI + "x" + BIDI,
    "a" + ZERO_WIDTH + "b",
    "\ud800 lone",
    "\ue000\U000f0000 private",
    "\U000e0041\U000e0042 tags",
    "x" * 5000,
    # what charts really hold
    "47<2n>,XY,-7,t(9;22)(q34.1;q11.2)[12]/46,XY[8]",
    "Na+ <135 & K+ >5.0 *critical*",
]

# Families: one hostile thing in many spellings.

_ELEMENTS = (
    "a audio base body button details embed form h1 head html iframe img input link math meta object option "
    "plaintext script select style svg table textarea title video xmp"
).split()
_SCHEMES = "data file ftp http https javascript mailto sms tel vbscript view-source ws".split()
_ENTITIES = "lt gt amp quot apos nbsp colon lpar lsqb Tab NewLine #60 #x3C #0000060 #35 #42 #x1F600".split()
_INVISIBLE = [*ZERO_WIDTH, *BIDI, *map(chr, (0x0, 0x1, 0x7, 0x8, 0x1B, 0x7F, 0x80, 0x85, 0x9B, 0x2028, 0x2029, 0x180E))]
_MARKERS = ("- + * 1. 1) 9. 10) # ## ###### > >> --- *** ___ === ``` ~~~ | : [^1]: [x]: :- :-: -: |-|").split()
_BLOCKS = ["- [ ] ", "- [x] ", "* [ ] ", "1. [ ] ", "    ", "\t", "> # ", "- - ", "+ 1) ", "- > ", "# - ", "---\n", ""]
_KARYOTYPES = [
    "46,XY,t(11;14)(q13;q32)[15]/46,XY[5]",
    "47,XX,+12,del(13)(q14)[cp20]",
    "<!-- 45~46 -->,X,-Y,add(1)(p36)",
    "nuc ish(CCND1,IGH)x3(CCND1 con IGHx2)[180/200]",
    "ish t(9;22)(ABL1-;BCR+,ABL1+)[_20_]",
    "arr[GRCh38] 11q13.3(69,600,000_69,700,000)x3~4",
    "46,XY,der(9)t(9;22)(q34;q11.2)~~idem~~",
    "CD5+ CD19+ CD20+(bright) CD23- FMC7+ *kappa*",
    "Ki-67: >30% & p53 [strong]; SOX11 `+`",
    "BCR::ABL1 | IGH::CCND1 | #2",
]

HOSTILE += [f"<{name} x=1>" for name in _ELEMENTS] + [f"</{name.upper()}\n>" for name in _ELEMENTS]
HOSTILE += [f"{scheme}://evil.example/{scheme}" for scheme in _SCHEMES]
HOSTILE += [f"[x]({scheme}:y)" for scheme in _SCHEMES] + [f"<{scheme}:me@evil.example>" for scheme in _SCHEMES]
HOSTILE += [f"&{name};b&{name};" for name in _ENTITIES]
HOSTILE += [f"<{hidden}b>x</{hidden}b>" for hidden in _INVISIBLE] + [f"[{hidden}x]{hidden}(y)" for hidden in _INVISIBLE]
HOSTILE += [f"{marker} text" for marker in _MARKERS] + [f"a\n{marker}" for marker in _MARKERS]
HOSTILE += [f"a\n\n{block}text" for block in _BLOCKS] + _KARYOTYPES
HOSTILE = list(dict.fromkeys(HOSTILE))

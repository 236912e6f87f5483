"""Play: any text coloured by your own tokens, and the price of one story in seven languages.

Everything that concerns tokens is done by your own functions; here they are only painted.

Options: text="..." or file=path colours a text of yours; merges=1500 says how many merges to learn.
"""

import html
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

INK, BLUE, GREEN = "#22303c", "#2f6db5", "#2e8b57"
SPECIAL = {"<|endoftext|>": 100_000}

STORY = {
    "English": (
        "This morning the river is calm and the sky is clear. An old woman sits at the bridge and "
        "sells tea and warm bread. The children on their way to school stop and count their coins. "
        "She gives each of them a little more than they have paid for."
    ),
    "German": (
        "Heute Morgen ist der Fluss ruhig und der Himmel klar. Eine alte Frau sitzt an der Brücke "
        "und verkauft Tee und warmes Brot. Die Kinder auf dem Weg zur Schule bleiben stehen und "
        "zählen ihre Münzen. Sie gibt jedem ein wenig mehr, als es bezahlt hat."
    ),
    "Spanish": (
        "Esta mañana el río está tranquilo y el cielo despejado. Una anciana está sentada junto al "
        "puente y vende té y pan caliente. Los niños que van a la escuela se detienen y cuentan "
        "sus monedas. Ella le da a cada uno un poco más de lo que ha pagado."
    ),
    "Russian": (
        "Сегодня утром река спокойна, а небо ясное. Старая женщина сидит у моста и продаёт чай и "
        "тёплый хлеб. Дети по дороге в школу останавливаются и считают свои монеты. Каждому она "
        "даёт немного больше, чем он заплатил."
    ),
    "Korean": (
        "오늘 아침 강은 잔잔하고 하늘은 맑습니다. "
        "한 할머니가 다리 옆에 앉아 차와 따뜻한 빵을 팝니다. "
        "학교에 가던 아이들이 멈춰 서서 동전을 셉니다. "
        "할머니는 아이들이 낸 돈보다 조금씩 더 줍니다."
    ),
    "Hindi": (
        "आज सुबह नदी शांत है और आसमान साफ़ है। एक बूढ़ी औरत पुल के पास बैठकर चाय और गरम रोटी "
        "बेचती है। स्कूल जाते हुए बच्चे रुकते हैं और अपने सिक्के गिनते हैं। वह हर एक को उसके पैसों से थोड़ा "
        "ज़्यादा देती है।"
    ),
    "Chinese": (
        "今天早晨河水平静，天空晴朗。一位老太太坐在桥边，卖茶和热面包。"
        "上学路上的孩子们停下来，数着自己的硬币。她给每个孩子的总比他们付的多一点。"
    ),
}
SAMPLES = {
    "Words": "The tokenizer's tokens aren't words: tokenization, tokenizers, untokenizable. "
    "Uppercase COSTS More than lowercase, and a rare word, say pterodactyl, falls to pieces.",
    "Numbers": "12 + 345 = 357, 1234567 - 7 = 1234560, and pi is 3.14159265358979.",
    "Code": "def train(self, text):\n    for i in range(10):\n        if not self.is_empty():\n"
    "            return [x ** 2 for x in text]\n",
    "Hindi, Korean, emoji": "नमस्ते दुनिया! 안녕, 세계! 👋🏽 👨‍👩‍👧‍👦 ❤️‍🔥",
    "A special token": "One document ends here.<|endoftext|>Another one begins.",
}
PHRASE = "a woodchuck would chuck all the wood a woodchuck could chuck, wouldn't he?"

STYLE = """
body { font: 17px/1.75 system-ui, sans-serif; color: #22303c; max-width: 62rem; margin: 2.5rem auto;
  padding: 0 1.5rem; background: #fcfbf8 }
h1 { font-size: 1.9rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem }
p.note, h2 small { color: #6b7885; font-weight: 400 } p.note { margin: .2rem 0 1.2rem }
.text { font: 16px/2.05 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; background: white; border: 1px solid #e4e0d8; border-radius: 8px;
  padding: .7rem 1rem }
.text span { border-radius: 4px; padding: .18em 0; box-decoration-break: clone; cursor: default }
.text span:hover { outline: 2px solid #22303c }
.c0 { background: #cfe3f7 } .c1 { background: #fde0c5 } .c2 { background: #d3eddc }
.c3 { background: #f3d3df } .c4 { background: #e5dcf5 } .c5 { background: #f6efc4 }
ruby { margin: 0 2px } rt { font-size: .95em; color: #22303c; margin-bottom: .25em }
.text:has(ruby) { line-height: 3.1 }
.part { background: #e9e6df; color: #8a8378; font-size: .72em; padding: .3em .12em !important;
  margin: 0 1px } .special { background: #22303c; color: white; padding: .18em .4em !important }
table { border-collapse: collapse } td { padding: .12rem .8rem .12rem 0; vertical-align: top }
td.row { border: 0; background: none; padding: 0 }
td.n { text-align: right; color: #6b7885; white-space: nowrap }
"""


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Train once, then paint; a scene whose parts are not written yet says so in one line."""
    print("1. Training on the documentation that comes with Python")
    try:
        tokenizer = make_tokenizer(student, int(options.get("merges", "1500")))
    except NotImplementedError as missing:
        print(f"   Waits for {str(missing).rpartition(': ')[2]}, which is not written yet.")
        return
    for title, scene in (
        ("2. Text in colours", coloured),
        ("3. Merges at work", film),
        ("4. One story in seven languages", prices),
    ):
        print(f"\n{title}")
        try:
            scene(student, tokenizer, out, options)
        except NotImplementedError as missing:
            print(f"   Waits for {str(missing).rpartition(': ')[2]}, which is not written yet.")


def make_tokenizer(student: Any, merges: int) -> Any:
    """Count the chunks of Python's language reference and learn merges from them."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    chunks = Counter(student.pretokenize(text, student.GPT4_PATTERN))
    print(f"   {len(text):,} letters, {chunks.total():,} chunks, {len(chunks):,} different ones")
    print(f"   learning {merges:,} merges ...", flush=True)
    start = time.perf_counter()
    learned = student.train_fast(chunks, 256 + merges)
    print(f"   {len(learned):,} merges in {time.perf_counter() - start:.1f} seconds")
    tokenizer = student.Tokenizer(learned, student.GPT4_PATTERN, SPECIAL)
    spelled = spell(learned)
    longest = sorted((b for b in spelled.values() if b.strip().isalpha()), key=len)[-8:]
    print("   first:  ", *[repr(spelled[i].decode("utf-8", "replace")) for i in range(256, 266)])
    print("   longest:", *[repr(b.decode()) for b in longest[::-1]])
    return tokenizer


def spell(merges: Mapping[tuple[int, int], int]) -> dict[int, bytes]:
    """Return the bytes of every token, special ones included."""
    spelled = {i: bytes([i]) for i in range(256)}
    for (left, right), i in merges.items():
        spelled[i] = spelled[left] + spelled[right]
    return spelled | {i: name.encode() for name, i in SPECIAL.items()}


# Scene 2: coloured text


def coloured(student: Any, tokenizer: Any, out: Path, options: Mapping[str, str]) -> None:
    """Paint texts by token on one page."""
    samples = dict(SAMPLES)
    if "file" in options:
        path = Path(options["file"])
        samples = {path.name: path.read_text(encoding="utf-8", errors="replace")[:20_000]}
    if "text" in options:
        samples = {"Your text": options["text"]}
    spelled = spell(tokenizer.merges)
    parts = []
    for name, text in samples.items():
        ids = tokenizer.encode(text, allowed_special="all")
        size = len(text.encode("utf-8", "replace"))
        ratio = size / max(len(ids), 1)
        print(f"   {name:22} {size:5,} bytes in {len(ids):5,} tokens, {ratio:.2f} bytes a token")
        count = f"{len(text):,} characters · {size:,} bytes · {len(ids):,} tokens"
        parts.append(f"<h2>{html.escape(name)} <small>{count}</small></h2>")
        parts.append(f'<div class="text">{paint(ids, spelled)}</div>')
    intro = (
        f"{len(tokenizer.merges):,} merges, learned from Python's language reference. Point at a "
        "token for its id and its bytes. Small grey pieces are parts of the character above them, "
        "which no merge has put together."
    )
    write_page(out / "tokens.html", "Text, as your tokenizer sees it", intro, "\n".join(parts))
    print("   tokens.html: open it in a browser and point at the tokens")


def paint(ids: list[int], spelled: Mapping[int, bytes], by_id: bool = False) -> str:
    """Return the tokens as coloured spans, parts of a character with that character above them."""
    spans, waiting, data = [], [], b""
    for k, i in enumerate(ids):
        data += spelled[i]
        kind = f"c{(i if by_id else k) % 6}" if i > 255 or not by_id else ""
        waiting.append((i, "special" if i in SPECIAL.values() else kind))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(waiting) == 1:
            spans.append(span(i, waiting[0][1], text.replace("\n", "⏎\n"), spelled))
        else:
            parts = [span(part, "part", spelled[part].hex(" "), spelled) for part, _ in waiting]
            spans.append(f"<ruby>{''.join(parts)}<rt>{html.escape(text)}</rt></ruby>")
        waiting, data = [], b""
    return "".join(spans)


def span(i: int, kind: str, shown: str, spelled: Mapping[int, bytes]) -> str:
    """Return one token, which tells its id and bytes when it is pointed at."""
    told = html.escape(f"id {i}: {spelled[i]!r}", quote=True)
    return f'<span class="{kind}" title="{told}">{html.escape(shown)}</span>'


def write_page(path: Path, title: str, intro: str, body: str) -> None:
    """Write a page that stands alone."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    page = f'{head}<style>{STYLE}</style><h1>{title}</h1><p class="note">{intro}</p>{body}</html>'
    path.write_text(page, encoding="utf-8")


# Scene 3: the merges of one sentence, one after the other


def film(student: Any, tokenizer: Any, out: Path, options: Mapping[str, str]) -> None:
    """Show one sentence after every merge that `train` learns from it."""
    merges = student.train(PHRASE, 256 + 20)
    spelled, ids = spell(merges), list(PHRASE.encode())
    rows = [("", ids)]
    for pair, new_id in merges.items():
        ids = student.merge(ids, pair, new_id)
        rows.append((spelled[new_id].decode(), ids))
    cells = []
    for k, (new, row) in enumerate(rows):
        label = f"{k}. “{html.escape(new).replace(' ', '␣')}”" if k else "the bytes"
        text = f'<td class="text row">{paint(row, spelled, by_id=True)}</td>'
        cells.append(f'<tr><td class="n">{label}</td><td class="n">{len(row)}</td>{text}</tr>')
    intro = (
        "Every row merges the commonest pair of the row above it; the number is how many tokens "
        "are left. Bytes are plain, and a token has the same colour in every row. There are no "
        "chunks here, so the merges run over the spaces."
    )
    write_page(out / "merges.html", "Merges at work", intro, f"<table>{''.join(cells)}</table>")
    fewer = " → ".join(str(len(rows[k][1])) for k in range(0, len(rows), 5))
    print(f"   {len(PHRASE)} bytes, {len(merges)} merges: {fewer} tokens")
    print("   merges.html: one sentence, merge by merge")


# Scene 4: the price of a story


def prices(student: Any, tokenizer: Any, out: Path, options: Mapping[str, str]) -> None:
    """Draw how many tokens the same story needs in each language."""
    letters = {name: len(text) for name, text in STORY.items()}
    counts = {name: len(tokenizer.encode(text)) for name, text in STORY.items()}
    for name, text in STORY.items():
        ratio = student.compression_ratio(text, tokenizer)
        times = counts[name] / counts["English"]
        print(f"   {name:8} {counts[name]:4} tokens, {times:.1f} × English; {ratio:.2f} bytes each")
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots()
    order = sorted(STORY, key=lambda name: counts[name])
    values = [counts[name] for name in order]
    colours = [GREEN if name == "English" else BLUE for name in order]
    axes.barh(order, values, color=colours, height=0.68)
    for y, name in enumerate(order):
        price = f"{counts[name]}  ({counts[name] / letters[name]:.1f} for a letter)"
        axes.text(counts[name] + 4, y, price, va="center", color=INK, fontsize=11)
    axes.set_title(
        "tokens for the same four sentences, with merges learned from English",
        loc="left",
        color=INK,
        fontsize=14,
        pad=12,
    )
    axes.set(xlim=(0, max(values) * 1.25), xlabel="tokens")
    axes.tick_params(axis="y", length=0, labelsize=12)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(out / "languages.png", dpi=130, facecolor="white")
    print("   languages.png: who pays how much for the same four sentences")

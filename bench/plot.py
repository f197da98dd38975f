# SPDX-License-Identifier: MIT
"""Log-log line plots as SVG, readable on white and on dark pages."""
import html
import math

# From Okabe and Ito's palette, which the colour-blind can tell apart; the orange darker, to be seen on white. The
# symbols say the same again.
STYLES = {"glibc": ("#0072b2", "square"), "jemalloc": ("#009e73", "triangle"), "tcmalloc": ("#cc79a7", "diamond"),
          "mimalloc": ("#c58700", "cross"), "tamalloc": ("#d55e00", "disc"),
          # Of docs/explanation/figures.
          "std::vector": ("#0072b2", "square"), "4 KiB pages": ("#d55e00", "disc"), "huge pages": ("#cc79a7", "diamond"),
          "SparseVector": ("#009e73", "triangle"), "written": ("#d55e00", "disc"), "read": ("#0072b2", "square")}
GREY = "#7a7a7a"   # 4.3 : 1 against white and 4.9 : 1 against black
WIDTH, HEIGHT = 400, 300                      # of a panel
LEFT, TOP, RIGHT, BOTTOM = 66, 30, 14, 34     # inside it
HEAD = 56                                     # title and legend


def symbol(kind, x, y, colour):
    paths = {"square": "M-3-3H3V3H-3Z", "triangle": "M0-4L4 3H-4Z", "diamond": "M0-4L4 0L0 4L-4 0Z",
             "cross": "M-3-3L3 3M-3 3L3-3", "disc": "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0-4 0Z"}
    fill = "none" if kind == "cross" else colour
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{paths[kind]}" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'


def label(x, y, text, anchor="middle", weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{html.escape(text)}</text>'


def panel(title, lines, x_range, y_range, texts):
    """One plot: lines by contender, over the given ranges."""
    def across(x):
        return LEFT + (math.log(x / x_range[0]) / math.log(x_range[1] / x_range[0])) * (WIDTH - LEFT - RIGHT)

    def up(y):
        return HEIGHT - BOTTOM - math.log(y / y_range[0]) / math.log(y_range[1] / y_range[0]) * (HEIGHT - TOP - BOTTOM)
    parts = [label((LEFT + WIDTH - RIGHT) / 2, 18, title, weight="bold")]
    for value, where, line, place in (
            *((x, across(x), "M{0:.1f} {1}V{2}".format(across(x), TOP, HEIGHT - BOTTOM), "x") for x in ticks(x_range, 16, 2)),
            *((y, up(y), "M{1} {0:.1f}H{2}".format(up(y), LEFT, WIDTH - RIGHT), "y") for y in ticks(y_range, *texts[2]))):
        parts.append(f'<path d="{line}" stroke="{GREY}" stroke-opacity="0.35"/>')
        parts.append(label(where, HEIGHT - BOTTOM + 16, texts[0](value)) if place == "x" else
                     label(LEFT - 6, where + 4, texts[1](value), "end"))
    for contender, points in lines.items():
        colour, kind = STYLES[contender]
        path = "M" + "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in points)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{3 if contender == "tamalloc" else 1.5}"/>')
        parts += [symbol(kind, across(x), up(y), colour) for x, y in points]
    return parts


def ticks(bounds, step, base):
    """Powers of `step` times `base`'s own powers, within the bounds, which are multiples of it."""
    value = bounds[0]
    while value <= bounds[1] * 1.001:
        yield int(value) if base == 2 else value
        value *= step


def around(values, step, base):
    """The bounds, powers of `base`, that hold all values."""
    first = base ** math.floor(math.log(min(values), base) + 1e-9)
    last = base ** math.ceil(math.log(max(values), base) - 1e-9)
    return first, max(last, first * step)


def write(path, title, panels, x_text, y_text):
    """panels: (title, {contender: [(x, y)]}). Bytes go up in powers of two, all else in powers of ten."""
    points = [point for _, lines in panels for some in lines.values() for point in some]
    if not points:
        return
    step, base = (16, 2) if x_text is y_text else (10, 10)
    x_range = around([x for x, _ in points], 16, 2)
    y_range = around([y for _, y in points], step, base)
    columns = 2
    width, height = columns * WIDTH, HEAD + math.ceil(len(panels) / columns) * HEIGHT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             f'font-family="sans-serif" font-size="12" fill="{GREY}">',
             "<!-- SPDX-License-Identifier: MIT -->", f"<title>{html.escape(title)}</title>",
             label(width / 2, 18, title, weight="bold")]
    known = [contender for contender in STYLES if any(contender in lines for _, lines in panels)]
    for i, contender in enumerate(known):
        x = width / 2 + (i - (len(known) - 1) / 2) * 110 - 30
        colour, kind = STYLES[contender]
        parts += [f'<path d="M{x - 12:.1f} 40h24" stroke="{colour}" stroke-width="2"/>', symbol(kind, x, 40, colour),
                  label(x + 18, 44, contender, "start")]
    for i, (name, lines) in enumerate(panels):
        parts.append(f'<g transform="translate({i % columns * WIDTH} {HEAD + i // columns * HEIGHT})">')
        parts += panel(name, lines, x_range, y_range, (x_text, y_text, (step, base)))
        parts.append("</g>")
    path.write_text("\n".join([*parts, "</svg>", ""]), "utf-8")

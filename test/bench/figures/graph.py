"""Time, CPU and bytes of ours and of the peers, drawn by gnuplot: one panel for each, a group of bars for each section."""

import pathlib
import tempfile

from gbtest import process

_PANELS = [("wall", "seconds", 1), ("cpu", "client CPU, seconds", 1), ("server_cpu", "server CPU, seconds", 1), ("bytes", "megabytes", 1e6)]
_COLOURS = ["#1b6ca8", "#8a8d91", "#b5b8bc", "#5f6266", "#d4a72c", "#7a5195", "#c0504d"]


def draw(sections, file):
    """`sections` as measured; those without such figures are left out."""
    drawn = [s for s in sections.values() if any(key in f[0] for f in s.rows.values() for key, *_ in _PANELS)]
    with tempfile.TemporaryDirectory(prefix="gb-graph-") as folder:
        script = pathlib.Path(folder) / "figures.gp"
        script.write_text(_script(drawn, pathlib.Path(file).absolute()))
        process.run(["gnuplot", script])


def _script(sections, file):
    names = list(dict.fromkeys(name for section in sections for name in section.rows))
    colour = {name: _COLOURS[i % len(_COLOURS)].replace("#", "0x") for i, name in enumerate(names)}
    lines = [f"set terminal pngcairo size {520 * len(_PANELS)},{max(1, len(sections)) * 440} font 'DejaVu Sans,11' noenhanced",
             f"set output '{file}'", f"set multiplot layout {max(1, len(sections))},{len(_PANELS)}",
             "set style fill solid 0.9 noborder", "set boxwidth 0.8", "set yrange [0:*]", "set grid ytics lc rgb '#dddddd'",
             "set xtics rotate by -35 nomirror scale 0", "set ytics nomirror", "set offsets 0, 0, graph 0.1, 0", "set border 3", "unset key",
             "set bmargin 10", "set rmargin 20"]
    for section in sections:
        for key, unit, divisor in _PANELS:
            bars = [(name, section.median(name, key)) for name in section.rows]
            bars = [(name, value / divisor) for name, value in bars if value is not None]
            lines += [f"set title \"{section.title}: {unit}\"", f"set xrange [-0.7:{max(1, len(bars)) - 0.3}]", "$data << EOD"]
            lines += [f"{i} {value:.3f} {colour[name]} \"{name}\"" for i, (name, value) in enumerate(bars)]
            lines += ["EOD", "plot $data using 1:2:3:xtic(4) with boxes lc rgb variable, '' using 1:2:(sprintf('%.3g',$2)) with labels offset 0,0.6"
                      if bars else "set multiplot next"]
    return "\n".join(lines + ["unset multiplot", ""])

"""Figures of several rounds as medians, ratios and a table."""

import statistics


class Section:
    """Columns are (key, heading, divisor, decimals). With `base`, every other row has ratios to it, a median of the rounds'
    own ratios: both ran within minutes of each other."""

    def __init__(self, title, columns, base=None):
        self.title = title
        self.columns = columns
        self.base = base
        self.rows = {}
        self.notes = []

    def add(self, name, figures):
        """One round of one row; printed at once, since the next takes its time."""
        rounds = self.rows.setdefault(name, [])
        rounds.append(figures)
        print(f"{self.title}: round {len(rounds)}, {name}: " + ", ".join(
            f"{heading} {self._text(figures[key], divisor, decimals)}" for key, heading, divisor, decimals in self.columns
            if figures.get(key) is not None), flush=True)

    def note(self, text):
        self.notes.append(text)

    def median(self, name, key):
        values = [f[key] for f in self.rows[name] if f.get(key) is not None]
        return statistics.median(values) if values else None

    def ratio(self, name, key):
        if self.base is None or name == self.base or self.base not in self.rows:
            return None
        pairs = [theirs[key] / ours[key] for theirs, ours in zip(self.rows[name], self.rows[self.base])
                 if theirs.get(key) is not None and ours.get(key)]
        return statistics.median(pairs) if pairs else None

    def json(self):
        return {"notes": self.notes, "rows": {name: {
            "median": {key: self.median(name, key) for key, *_ in self.columns},
            "ratio": {key: self.ratio(name, key) for key, *_ in self.columns},
            "rounds": rounds} for name, rounds in self.rows.items()}}

    def markdown(self):
        count = max((len(r) for r in self.rows.values()), default=0)
        say = f"Medians of {count} rounds" + (f"; in brackets the ratio to {self.base}, median of the rounds' own ratios."
                                              if self.base else ".")
        lines = [f"## {self.title}", "", say, "", "| | " + " | ".join(c[1] for c in self.columns) + " |",
                 "|---|" + "---:|" * len(self.columns)]
        for name in self.rows:
            cells = []
            for key, _, divisor, decimals in self.columns:
                value, ratio = self.median(name, key), self.ratio(name, key)
                cells.append(("–" if value is None else self._text(value, divisor, decimals)) +
                             ("" if ratio is None else f" ({ratio:.2f} ×)"))
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return "\n".join(lines + ([""] + [f"- {n}" for n in self.notes] if self.notes else [])) + "\n"

    @staticmethod
    def _text(value, divisor, decimals):
        return f"{value / divisor:,.{decimals}f}"

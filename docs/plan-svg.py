#!/usr/bin/env python3
"""Draws docs/plan.svg: what `rosterd plan` prints for the simulated organization, as a terminal shows it.

    cargo build --release && docs/plan-svg.py target/release/rosterd

A test compares the words of the picture with what the program prints.
"""

import html
import pathlib
import re
import subprocess
import sys
import tempfile
import time

program = sys.argv[1] if len(sys.argv) > 1 else "target/release/rosterd"
with tempfile.TemporaryDirectory() as folder:
    simulator = subprocess.Popen([program, "simulate", "--dir", folder], stdout=subprocess.PIPE, text=True)
    simulator.stdout.readline()
    config = pathlib.Path(folder, "config.toml")
    while not config.exists():
        time.sleep(0.1)
    plan = subprocess.run(
        [program, "-c", config, "--color", "always", "plan"], check=True, capture_output=True, text=True
    ).stdout
    simulator.terminate()
    simulator.wait()

# What the program uses, no more: bold, dim and five colours.
CLASSES = {"1": "b", "2": "d", "31": "r", "32": "g", "33": "y", "35": "m"}
LINE, TOP, LEFT, COLUMN = 19, 62, 22, 8.43

lines = ["\x1b[32m$\x1b[0m \x1b[1mrosterd plan\x1b[0m", "", *plan.rstrip("\n").split("\n")]
columns = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
width, height = round(LEFT * 2 + columns * COLUMN), TOP + LINE * len(lines) + 6

rows = []
for at, line in enumerate(lines):
    spans, shade = "", ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if code := re.fullmatch(r"\x1b\[([0-9;]*)m", part):
            shade = CLASSES.get(code[1], "")
        elif part:
            text = html.escape(part, quote=False)
            spans += f'<tspan class="{shade}">{text}</tspan>' if shade else text
    if spans:
        rows.append(f'  <text x="{LEFT}" y="{TOP + LINE * at}">{spans}</text>')

pathlib.Path(__file__).with_name("plan.svg").write_text(
    f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" aria-labelledby="title">
  <title id="title">The output of rosterd plan: each person with the change, before and after, and the reason; then what is held back, and the sums</title>
  <style>
    text {{ font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d8dee6; white-space: pre }}
    .b {{ font-weight: 700; fill: #ffffff }} .d {{ fill: #8b96a3 }} .r {{ fill: #f0877f }} .g {{ fill: #5ac48d }} .y {{ fill: #e9b04e }} .m {{ fill: #c792ea }}
  </style>
  <rect width="{width}" height="{height}" rx="10" fill="#14171a"/>
  <circle cx="24" cy="22" r="6" fill="#f0877f"/><circle cx="44" cy="22" r="6" fill="#e9b04e"/><circle cx="64" cy="22" r="6" fill="#5ac48d"/>
"""
    + "\n".join(rows)
    + "\n</svg>\n"
)

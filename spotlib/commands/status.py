"""``spotlib status``: what of the studies is done, running, missing, failed, and how long the rest takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from spotlib.commands.run_options import RESULTS, ROOT
from spotlib.errors import one_line

if TYPE_CHECKING:
    from spotlib.studies import Status


@click.command()
@click.argument("studies", nargs=-1, metavar="[STUDY]...")
@RESULTS
@ROOT
@click.option("--any-code", is_flag=True, help="Rows that other code or another machine computed count as done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def status(studies: tuple[str, ...], results: str | None, root: str | None, any_code: bool, as_json: bool) -> None:
    """Show what of each STUDY is done, running, missing or failed, and how long the rest takes.

    Without a STUDY: all of params/studies.
    """
    from spotlib.studies import known_studies, load_study
    from spotlib.studies import status as look_up

    found = [look_up(load_study(name), results=results, root=root) for name in studies or known_studies()]
    if as_json:
        click.echo(json.dumps([to_json(one, any_code=any_code) for one in found], indent=1))
        return
    click.echo("\n\n".join(to_text(one, any_code=any_code) for one in found))


def to_json(found: Status, *, any_code: bool = False) -> dict[str, Any]:
    """The counts of a study, of each of its variants, and the estimates in seconds, as plain JSON."""
    states = ("done", "running", "stale", "failed", "missing")
    return {
        "study": found.study.name,
        "dataset": found.study.dataset,
        "profile": found.study.profile,
        "cells": found.count(),
        **{state: found.count(state) for state in states},  # type: ignore[arg-type]
        "variants": {v: {s: found.count(s, v) for s in states} for v in found.variants},  # type: ignore[arg-type]
        "seconds_spent": round(found.seconds_spent, 1),
        "seconds_left": None if (left := found.seconds_left(any_code=any_code)) is None else round(left, 1),
        "budget_hours": found.study.budget_hours,
        "errors": list(found.errors),
    }


def to_text(found: Status, *, any_code: bool = False) -> str:
    """The same in lines for a terminal."""
    study = found.study
    profile = f", profile {study.profile}" if study.profile else ""
    lines = [f"{study.name} ({study.dataset}{profile}): {_counts(found, None)}; {_time(found, any_code=any_code)}"]
    width = max((len(name) for name in found.variants), default=0)
    lines += [f"  {name:{width}}  {_counts(found, name)}" for name in found.variants]
    lines += [one_line(f"  failed: {error}") for error in found.errors[:5]]
    if len(found.errors) > 5:
        lines.append(f"  and {len(found.errors) - 5} more failed")
    return "\n".join(lines)


def _counts(found: Status, variant: str | None) -> str:
    parts = [f"{found.count('done', variant)} of {found.count(None, variant)} done"]
    names = {"running": "running", "stale": "of other code", "failed": "failed", "missing": "missing"}
    for state, said in names.items():
        number = found.count(state, variant)  # type: ignore[arg-type]
        parts += [f"{number} {said}"] if number else []
    return ", ".join(parts)


def _time(found: Status, *, any_code: bool) -> str:
    left = found.seconds_left(any_code=any_code)
    if left is None:
        return "no finished row tells how long the rest takes"
    if left == 0:
        return f"nothing left to do ({duration(found.seconds_spent)} spent)"
    text = f"about {duration(left)} left, one fold at a time"
    budget = found.study.budget_hours
    if budget is not None:
        over = found.seconds_spent + left - 3600 * budget
        text += f" (budget {budget:g} h{f', exceeded by {duration(over)}' if over > 0 else ''})"
    return text


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"

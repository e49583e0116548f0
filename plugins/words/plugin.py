"""The words plugin: one function for each export of `wit/world.wit`."""

import heapq  # `most_common` imports it when it is called, and then there are no files any more
import re
from collections import Counter
from statistics import fmean

import wit_world
from componentize_py_types import Err
from wit_world import Frequency, Match, PatternError, Statistics


class WitWorld(wit_world.WitWorld):
    def count(self, text: str, top: int | None) -> Statistics:
        words = re.findall(r"\w+", text.casefold())
        frequencies = Counter(words)
        return Statistics(
            characters=len(text),
            words=len(words),
            distinct=len(frequencies),
            mean_length=fmean(map(len, words)),
            top=[Frequency(*pair) for pair in frequencies.most_common(10 if top is None else top)],
        )

    def find(self, text: str, pattern: str) -> list[Match]:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            # What is raised as `Err` is the `err` of the result; any other exception is a trap.
            raise Err(PatternError(error.msg, error.pos)) from error
        return [
            Match(number, found.start() + 1, found.group())
            for number, line in enumerate(text.splitlines(), start=1)
            for found in expression.finditer(line)
        ]

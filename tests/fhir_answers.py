"""A FHIR server as a function: the `fetch` that the pure hooks are given, answering from a list of resources."""

import re

from parts import bundle

from cdshooks.hooks.fetched import Fetched


class Answers:
    """Answers reads and searches from resources; `misses` says of which keys it cannot. Keeps what it was asked."""

    def __init__(self, *resources, misses=None, pages=None):
        self.resources = resources
        self.misses = misses or {}
        self.pages = pages or {}
        self.rounds = []

    @property
    def asked(self):
        return [query.url for queries in self.rounds for query in queries]

    def __call__(self, queries):
        self.rounds.append(queries)
        return [self._one(query) for query in queries]

    def _one(self, query):
        if query.key in self.misses or query.key in self.pages:
            return Fetched(query, tuple(self.pages.get(query.key, ())), self.misses.get(query.key))
        kind, _, rest = query.url.partition("?")
        if rest:
            return Fetched(query, (bundle(*(r for r in self.resources if r["resourceType"] == kind)),))
        kind, identifier = re.search(r"(\w+)/([^/]+)$", query.url).groups()
        found = [r for r in self.resources if (r["resourceType"], r["id"]) == (kind, identifier)]
        return Fetched(query, (found[0],)) if found else Fetched(query, (), "not-found")

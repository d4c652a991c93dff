"""A naive model of the server, and random requests with the replies it expects of them."""

from harness import expect

COLS = ("c1", "c2", "c3")
DOCS = ("d1", "d2", "d3", "d4")
KEYS = ("k1", "k2", "k3", "k4")
TIMES = 60


class Model:
    """Records and keys as plain dicts; `prefix` keeps several models apart on one server."""

    def __init__(self, prefix=""):
        self.cols = [prefix + c for c in COLS]
        self.records = {}  # (col, doc) -> {ts: data}
        self.values = {}  # (col, key) -> value
        self.versions = {}  # (col, key) -> last version, also of a removed key

    # Writes.

    def insert(self, col, doc, ts, data):
        self.records.setdefault((col, doc), {})[ts] = data

    def delete(self, col, doc, hit):
        kept = {t: d for t, d in self.records.get((col, doc), {}).items() if not hit(t)}
        if kept:
            self.records[col, doc] = kept
        else:
            self.records.pop((col, doc), None)

    def set(self, col, key, value):
        self.values[col, key] = value
        self.versions[col, key] = self.versions.get((col, key), 0) + 1
        return self.versions[col, key]

    def remove(self, col, key):
        if self.values.pop((col, key), None) is not None:
            self.versions[col, key] += 1

    def drop(self, col):
        self.records = {k: v for k, v in self.records.items() if k[0] != col}
        for name, key in [k for k in self.values if k[0] == col]:
            self.remove(name, key)

    # Reads.

    def range(self, col, doc, low, high):
        found = self.records.get((col, doc), {})
        return [{"ts": t, "data": found[t]} for t in sorted(found) if low <= t <= high]

    def latest(self, col, ts):
        found = {}
        for (name, doc), records in self.records.items():
            times = [t for t in records if t <= ts]
            if name == col and times:
                found[doc] = {"ts": max(times), "data": records[max(times)]}
        return found

    def keys_of(self, col):
        return {key: value for (name, key), value in self.values.items() if name == col}

    def names(self):
        return {name for name, _ in (*self.records, *self.values)}

    # Requests.

    def random_write(self, random):
        """(type, payload, wanted) of a write that this applies to itself."""
        col, doc, key = random.choice(self.cols), random.choice(DOCS), random.choice(KEYS)
        kind = random.choices(("ins", "sval", "rval", "drec", "drrng", "dmrec", "ddoc", "dcol"),
                              (40, 30, 8, 8, 3, 3, 2, 1))[0]
        if kind == "ins":
            records = [{"ts": random.randrange(TIMES), "doc": random.choice(DOCS),
                        "data": f"v{random.randrange(10**6)}", "col": random.choice(self.cols)}
                       for _ in range(random.randint(1, 6))]
            for r in records:
                self.insert(r["col"], r["doc"], r["ts"], r["data"])
            return kind, records, {}
        if kind == "sval":
            value = random.choice(("", f"v{random.randrange(10**6)}"))
            return (kind, {"col": col, "key": key, "value": value},
                    {"ver": self.set(col, key, value)})
        if kind == "rval":
            self.remove(col, key)
            return kind, {"col": col, "key": key}, {}
        if kind == "drec":
            ts = random.randrange(TIMES)
            self.delete(col, doc, lambda t: t == ts)
            return kind, {"col": col, "doc": doc, "ts": ts}, {}
        if kind == "drrng":
            low, high = sorted(random.choices(range(TIMES), k=2))
            self.delete(col, doc, lambda t: low <= t <= high)
            return kind, {"col": col, "doc": doc, "fromTs": low, "toTs": high}, {}
        if kind == "dmrec":
            items = [{"col": random.choice(self.cols), "doc": random.choice(DOCS),
                      "ts": random.randrange(TIMES)} for _ in range(random.randint(0, 5))]
            for i in items:
                self.delete(i["col"], i["doc"], lambda t, ts=i["ts"]: t == ts)
            return kind, items, {}
        if kind == "ddoc":
            self.delete(col, doc, lambda t: True)
            return kind, {"col": col, "doc": doc}, {}
        self.drop(col)
        return kind, {"col": col}, {}

    def random_read(self, random):
        col, doc, key = random.choice(self.cols), random.choice(DOCS), random.choice(KEYS)
        kind = random.choice(("qry", "qdoc", "gval", "gval", "gvals", "gkeys"))
        if kind == "qry":
            ts = random.randrange(TIMES)
            return kind, {"col": col, "ts": ts}, {"records": self.latest(col, ts)}
        if kind == "qdoc":
            low, high = sorted(random.choices(range(TIMES), k=2))
            return (kind, {"col": col, "doc": doc, "from": low, "to": high},
                    {"records": self.range(col, doc, low, high)})
        if kind == "gval":
            return kind, {"col": col, "key": key}, self.key_state(col, key)
        if kind == "gvals":
            return kind, {"col": col}, {"values": self.keys_of(col)}
        return kind, {"col": col}, {"keys": sorted(self.keys_of(col))}

    def key_state(self, col, key):
        found = (col, key) in self.values
        # The version of an absent key is not part of the contract.
        version = {"ver": self.versions[col, key]} if found else {}
        return {"value": self.values.get((col, key), ""), "found": found, **version}

    def check(self, client):
        """Compares everything."""
        mine = {c for c in client.ok("cols")["collections"] if c in self.cols}
        assert mine == self.names(), f"collections {mine}, not {self.names()}"
        requests = []
        for col in self.cols:
            requests.append(("qry", {"col": col, "ts": TIMES},
                             {"records": self.latest(col, TIMES)}))
            requests.append(("gvals", {"col": col}, {"values": self.keys_of(col)}))
            requests += [("qdoc", {"col": col, "doc": doc, "from": 0, "to": TIMES},
                          {"records": self.range(col, doc, 0, TIMES)}) for doc in DOCS]
            requests += [("gval", {"col": col, "key": key}, self.key_state(col, key))
                         for key in KEYS]
        check_replies(client, requests)


def check_replies(client, requests):
    """Sends (type, payload, wanted), not waiting between them; the replies."""
    replies = client.pipeline([(type, payload) for type, payload, _ in requests])
    for number, ((type, payload, wanted), reply) in enumerate(zip(requests, replies)):
        if type == "gkeys":
            reply = {**reply, "keys": sorted(reply.get("keys", ()))}
        try:
            expect(reply, wanted)
        except AssertionError as error:
            raise AssertionError(f"request {number}, {type} {payload}\n{error}") from error
    return replies

"""Cases, one line each where possible; `N passed, N failed` at the end.

What a reply must be (`wanted`): a string: that error code; a dict: no error, and these fields with
exactly these values (further ones may be there).
"""

import contextlib
import faulthandler
import itertools
import json
import sys
import traceback

from client import check_error

MODULE_SECONDS = 780  # a module that hangs shows where, and ends; none takes a minute

_columns = itertools.count(1)


def shown(value, limit=600):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def equal(got, wanted, what="value"):
    # 1 == True in Python, not on the wire.
    if got != wanted or type(got) is not type(wanted):
        raise AssertionError(f"{what}:\n  expected {shown(wanted)}\n  got      {shown(got)}")


def expect(reply, wanted):
    """Compares a reply; returns it."""
    code = check_error(reply)
    if isinstance(wanted, str):
        if code != wanted:
            raise AssertionError(f"reply:\n  expected the error {wanted}\n"
                                 f"  got      {shown(reply)}")
        return reply
    if code is not None:
        raise AssertionError(f"reply:\n  expected {shown(wanted)}\n  got      {shown(reply)}")
    for name, value in wanted.items():
        if name not in reply:
            raise AssertionError(f"field `{name}` is missing in {shown(reply)}")
        equal(reply[name], value, f"field `{name}`")
    return reply


def with_column(payload, col):
    """Fills in `col` where it is not given, so that every case has a collection to itself."""
    if isinstance(payload, list):
        return [with_column(p, col) for p in payload]
    return {"col": col, **payload} if isinstance(payload, dict) else payload


class Suite:
    def __init__(self):
        self.passed = self.failed = 0
        faulthandler.dump_traceback_later(MODULE_SECONDS, exit=True)

    @contextlib.contextmanager
    def case(self, name):
        try:
            yield
            self.passed += 1
        except Exception as error:
            self.failed += 1
            print(f"FAILED {name}")
            if isinstance(error, AssertionError) and str(error):
                print("  " + str(error).replace("\n", "\n  "))
                frame = traceback.extract_tb(error.__traceback__)[1:2]
                print("".join(f"  at {f.filename}:{f.lineno}" for f in frame))
            else:
                traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()

    def scripts(self, client, table, label=""):
        """Each of the table: (name, [(type, payload, wanted), ...]), in a collection of its own."""
        for name, steps in table:
            col = f"col{next(_columns)}"
            for number, (type, payload, wanted) in enumerate(steps, 1):
                last = number == len(steps)
                try:
                    expect(client.call(type, with_column(payload, col)), wanted)
                except Exception as error:
                    with self.case(f"{name}{label}"):
                        raise AssertionError(
                            f"step {number}: {type} {shown(payload)}\n{error}") from error
                    break
                if last:
                    self.passed += 1

    def end(self):
        faulthandler.cancel_dump_traceback_later()
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)

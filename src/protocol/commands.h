#pragma once

// Every message type, once: name in the code, token on the wire, permission, shape of the payload,
// summary. Derived from this list: the enum, the table (with the fields named in
// command_table.cpp), dispatch, docs/protocol.md and the output of `fluxion --describe`. Whoever
// declares handlers from it cannot leave one out: the program does not link.
#define FLUXION_COMMANDS(X)                                                                        \
    X(Ins, "ins", Write, List,                                                                     \
      "Insert records, all or none; one with the same `col`, `doc` and `ts` is replaced.")         \
    X(Qry, "qry", Read, Object,                                                                    \
      "The latest record with timestamp at most `ts` of each document of a collection.")           \
    X(Cols, "cols", Read, None, "The names of all collections.")                                   \
    X(Qdoc, "qdoc", Read, Object, "The records of one document in a range of timestamps.")         \
    X(Ddoc, "ddoc", Delete, Object, "Delete a document from one collection or from all.")          \
    X(Dcol, "dcol", Delete, Object, "Delete a collection, its records and its keys.")              \
    X(Drec, "drec", Delete, Object, "Delete one record.")                                          \
    X(Dmrec, "dmrec", Delete, List, "Delete several records.")                                     \
    X(Drrng, "drrng", Delete, Object,                                                              \
      "Delete the records of a document in a range of timestamps, "                                \
      "both ends included.")                                                                       \
    X(Sval, "sval", Write, Object, "Set the value of a key.")                                      \
    X(Gval, "gval", Read, Object, "The value of one key.")                                         \
    X(Gvalues, "gvalues", Read, Object, "The keys that match, with their values.")                 \
    X(Rval, "rval", Delete, Object, "Remove a key.")                                               \
    X(Pval, "pval", Write, Object,                                                                 \
      "Merge JSON into the value of a key: objects field by field, all else is replaced.")         \
    X(Mval, "mval", Write, Object,                                                                 \
      "Write several keys of one collection, each with its condition: all or none.")               \
    X(Gvals, "gvals", Read, Object, "All keys of a collection, with their values.")                \
    X(Gkeys, "gkeys", Read, Object, "The names of all keys of a collection.")                      \
    X(Hval, "hval", Read, Object, "The versions of a key that the log still holds, newest first.") \
    X(Sub, "sub", Read, Object,                                                                    \
      "Subscribe to the changes of keys or documents; they come in frames of type `evt`.")         \
    X(Unsub, "unsub", Read, Object, "End a subscription.")                                         \
    X(Cut, "cut", Read, Object,                                                                    \
      "Hold all records and keys as they are now, to be read with `sub`.")                         \
    X(Log, "log", Master, Object, "Entries of the log, as they were written.")                     \
    X(Snap, "snap", Delete, None, "Make a checkpoint now.")                                        \
    X(Stat, "stat", Read, None, "Figures of the server.")                                          \
    X(Keys, "keys", Master, Object, "Add, remove or list API keys.")                               \
    X(Conn, "conn", Read, None, "The connections that are open now.")

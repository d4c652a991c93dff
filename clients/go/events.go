package fluxion

import "strconv"

// EventOp is what an Event, or a version in a key's history, says.
type EventOp string

// What happens to keys and documents.
const (
	// EventSet: the key has a new value.
	EventSet EventOp = "set"
	// EventRemoved: the key was removed.
	EventRemoved EventOp = "removed"
	// EventExpired: the key's time was over.
	EventExpired EventOp = "expired"
	// EventInserted: the document has a new record, or another at a timestamp it had.
	EventInserted EventOp = "inserted"
	// EventDeleted: the document's records from From to To are gone, or all of them.
	EventDeleted EventOp = "deleted"
	// EventDropped: the collection is gone with all it held.
	EventDropped EventOp = "dropped"
)

// What a Watcher says beside the changes.
const (
	// EventSnapshotBegin: the state as it is follows, as events with Snapshot. Forget what was
	// known before.
	EventSnapshotBegin EventOp = "snapshot_begin"
	// EventSnapshotEnd: this was the state at Seq; what happens from now on follows.
	EventSnapshotEnd EventOp = "snapshot_end"
	// EventGap: events are missing here; a snapshot follows. Only with TakeSnapshot.
	EventGap EventOp = "gap"
)

// Event is one change, or what the Watcher says of a snapshot or a gap. Fields that it does not
// have are zero.
type Event struct {
	// Seq is that of the change in the server's log, I its place among the changes with this Seq:
	// (Seq, I) rises strictly, but within a snapshot.
	Seq int64   `json:"seq"`
	I   int     `json:"i"`
	Op  EventOp `json:"op"`
	Col string  `json:"col,omitempty"`

	// Of keys. Value is there unless WatchOptions.Fields leaves it out, Previous (nil: the key had
	// none) if it asks for it.
	Key      string  `json:"key,omitempty"`
	Ver      int64   `json:"ver,omitempty"`
	Value    string  `json:"value,omitempty"`
	Previous *string `json:"previous,omitempty"`
	// Expires is when the key will, in milliseconds since 1970 UTC. 0: never.
	Expires int64 `json:"expires,omitempty"`
	// Entered: this value passes Where and Filter and the one before did not. Left: this one does
	// not pass, the one before did; Value is then empty.
	Entered bool `json:"entered,omitempty"`
	Left    bool `json:"left,omitempty"`

	// Of documents. From and To are of EventDeleted, both included; nil: the whole document.
	Doc  string `json:"doc,omitempty"`
	TS   int64  `json:"ts,omitempty"`
	Data string `json:"data,omitempty"`
	From *int64 `json:"from,omitempty"`
	To   *int64 `json:"to,omitempty"`

	// Time of the change, in milliseconds since 1970 UTC, if WatchOptions.Fields asks for it.
	Time int64 `json:"time,omitempty"`

	// Snapshot: this is no change but part of the state as it is.
	Snapshot bool `json:"snapshot,omitempty"`
	// Restarted, of EventSnapshotBegin: the snapshot before this one was interrupted. It has no
	// end; this one is whole again.
	Restarted bool `json:"restarted,omitempty"`
	// Oldest, of EventGap: what the server still has begins after this position. Empty: it did not
	// say.
	Oldest Position `json:"oldest,omitempty"`
}

// A message of the server's own.
type pushed struct {
	Seq      int64     `json:"seq"` // after which it is safe to resume
	Events   []Event   `json:"events"`
	More     bool      `json:"more"` // the rest of a seq follows
	Snapshot bool      `json:"snapshot"`
	Code     ErrorCode `json:"code"` // why the subscription ends; empty: it does not
	Error    string    `json:"error"`
	Oldest   Position  `json:"oldest"`
}

// What ends the subscription.
func (p *pushed) refusal() error {
	refusal := &Error{Code: p.Code, Message: p.Error, Type: "sub"}
	if p.Code == ErrCompacted {
		return &GapError{Oldest: p.Oldest, refusal: refusal}
	}
	return refusal
}

func positionOf(log string, seq int64) Position {
	return Position(log + ":" + strconv.FormatInt(seq, 10))
}

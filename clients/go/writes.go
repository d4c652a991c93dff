package fluxion

import (
	"context"
	"time"
)

// WriteOp is what one of the writes of WriteValues does.
type WriteOp string

// What a Write can do.
const (
	// WriteSet sets the key to Value, as SetValue does.
	WriteSet WriteOp = "set"
	// WritePatch merges Value, JSON text, into the key's value, as PatchValue does.
	WritePatch WriteOp = "patch"
	// WriteRemove removes the key. Needs a key that may delete.
	WriteRemove WriteOp = "remove"
	// WriteCheck changes nothing: all the others happen only if the key has Version.
	WriteCheck WriteOp = "check"
)

// Write is one of the writes of WriteValues.
type Write struct {
	Op  WriteOp
	Key string
	// Value is for WriteSet and WritePatch.
	Value string
	// Version is the condition: nil is none, 0 that there is no such key. WriteCheck needs it.
	Version *int64
	// TTL lets the key expire; as WithTTL. nil: never, but for WritePatch as it was.
	TTL *time.Duration
	// DeleteNulls is for WritePatch; as WithDeleteNulls.
	DeleteNulls bool
}

// WriteValues writes several keys of one collection, each at most once, all or none, and returns the
// version of each afterwards. If a condition does not hold nothing happens, and the error is a
// *ConflictError that names the key.
func (c *Client) WriteValues(ctx context.Context, col string, writes []Write) (
	map[string]int64, error) {
	payload := MvalRequest{Col: col, Writes: make([]MvalWrite, len(writes))}
	for i := range writes {
		payload.Writes[i] = writes[i].sent()
	}
	reply, err := ask[MvalReply](ctx, c, "mval", payload)
	return reply.Vers, err
}

func (w Write) sent() MvalWrite {
	out := MvalWrite{Op: string(w.Op), Key: w.Key, Ver: w.Version}
	if w.Op == WriteSet || w.Op == WritePatch {
		out.Value = &w.Value
	}
	if w.TTL != nil {
		out.TTL = Ptr(milliseconds(*w.TTL))
	}
	if w.DeleteNulls {
		out.DeleteNulls = Ptr(true)
	}
	return out
}

// HistoryOptions says which versions History returns.
type HistoryOptions struct {
	// Limit is the most of them. 0: the server's default, 100; it returns at most 10,000.
	Limit int
	// Before leaves out this version and later ones. 0: none.
	Before int64
}

// ValueHistory is what History returns.
type ValueHistory struct {
	// Versions, newest first.
	Versions []ValueVersion `json:"versions"`
	// More says that the server still holds older ones: ask again with Before.
	More bool `json:"more"`
}

// ValueVersion is one version of a key.
type ValueVersion struct {
	Ver int64 `json:"ver"`
	// Op is EventSet, EventRemoved, EventExpired or, with its whole collection, EventDropped.
	Op EventOp `json:"op"`
	// Value is that of EventSet.
	Value string `json:"value"`
	// Expires is when the key was to expire, in milliseconds since 1970 UTC. 0: never.
	Expires int64 `json:"expires"`
	// Seq is that of the change in the server's log.
	Seq int64 `json:"seq"`
	// Time of the change, in milliseconds since 1970 UTC.
	Time int64 `json:"time"`
}

// History returns the versions of a key that the server's log still holds, newest first. A key it
// knows nothing of has none, which is no error.
func (c *Client) History(ctx context.Context, col, key string, options HistoryOptions) (
	ValueHistory, error) {
	asked := HvalRequest{Col: col, Key: key}
	if options.Limit > 0 {
		asked.Limit = &options.Limit
	}
	if options.Before > 0 {
		asked.Before = &options.Before
	}
	return ask[ValueHistory](ctx, c, "hval", asked)
}

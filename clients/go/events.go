package fluxion

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

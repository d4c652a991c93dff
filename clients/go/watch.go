package fluxion

import (
	"context"
	"sync"
)

const (
	// Events that a Watcher holds for its program.
	defaultBuffer = 10000
	// Of the messages of these events.
	defaultBufferedBytes = 32 << 20
)

// WatchKind is what is watched.
type WatchKind string

// What can be watched.
const (
	WatchKeys WatchKind = "keys"
	WatchDocs WatchKind = "docs"
)

// OnGap is what a Watcher does when the server does not have all events after its position.
type OnGap int

const (
	// FailOnGap ends it with a *GapError.
	FailOnGap OnGap = iota
	// TakeSnapshot hands out EventGap, then a snapshot, then what happens after it.
	TakeSnapshot
)

// WatchOptions says what to watch, and from where.
type WatchOptions struct {
	// Kind is needed.
	Kind WatchKind
	// Col is the collection. Empty: all.
	Col string
	// Match is the name of the key or document, or a pattern /regex/flags. Empty: all.
	Match string
	// Where keeps what has this in its value or data, Filter drops it: texts or patterns. Of keys
	// it is also told when a value begins or ends to pass: Event.Entered, Event.Left.
	Where, Filter string
	// From is the position after which events are wanted: a Cursor kept from before, or a
	// Client.Position. Empty: what happens from now on.
	From Position
	// Snapshot hands out the state as it is first, between EventSnapshotBegin and
	// EventSnapshotEnd; of documents the latest record each. Not together with From.
	Snapshot bool
	// Fields of the events beside their names: of keys "value", "previous", "time", "expires", of
	// documents "data", "time". nil: value and expires, or data; empty but not nil: none.
	Fields []string
	// OnGap is what to do when events are missing.
	OnGap OnGap
	// Buffer is how many events wait for Next at most. Beyond, or beyond 32 MiB, the Watcher
	// unsubscribes, and goes on from the same place when Next has taken all of them: a slow program
	// costs the server a look into its log, and loses nothing that the log keeps. A snapshot is
	// held whole whatever its size, since it could not be gone on with. 0: 10,000.
	Buffer int
}

// Watcher hands out events, each once and in order, over all reconnections. Make it with
// Client.Watch, read it with Next or All, end it with Close or its context. It is safe for
// concurrent use.
//
// After a lost connection, or when the server drops a subscriber that is too slow, it subscribes
// again from the last event it received, and drops those that come twice.
type Watcher struct {
	client  *Client
	options WatchOptions
	ctx     context.Context // of Watch
	cancel  context.CancelFunc
	turn    chan struct{} // held by the Next that waits
	news    chan struct{} // something for Next to look at
	over    chan struct{} // something for run to look at
	ended   chan struct{} // closed when run has returned

	// Client.mu comes before this one where both are held.
	mu       sync.Mutex
	feed     *feed // that delivers now, or is asked for; nil: none
	cause    error // why the last one ended
	queue    []waiting
	bytes    int      // of queue
	cursor   Position // after what was handed out
	from     Position // after what is in queue: where to resume
	log      string   // of seq
	seq      int64    // of from; -1: not known
	last     place    // of the last event, which may be beyond seq
	snapshot bool     // one is wanted, or under way
	begun    bool     // and the program heard of its begin
	idle     int      // ends in a row of subscriptions that came no further
	err      error    // after queue is empty; nil: it goes on
}

// One subscription at the server, of one connection.
type feed struct {
	watch    *Watcher
	snapshot bool
	id       string // guarded by Client.mu; empty before it was sent
}

// An event's place in the log.
type place struct {
	seq int64
	i   int
}

// An event that Next has not taken.
type waiting struct {
	event Event
	bytes int
	after Position // the cursor once it is handed out; empty: as before
}

// Watch subscribes and returns when the server has accepted: what is written after that is seen.
// Its errors are the server's refusals, *GapError among them, and those of every call; a later
// refusal comes from Next. The Watcher ends with ctx.
func (c *Client) Watch(ctx context.Context, options WatchOptions) (*Watcher, error) {
	if options.From != "" && options.Snapshot {
		return nil, &Error{Code: ErrBadRequest, Message: "From and Snapshot exclude each other",
			Type: "sub"}
	}
	if options.Buffer <= 0 {
		options.Buffer = defaultBuffer
	}
	w := &Watcher{client: c, options: options, turn: make(chan struct{}, 1),
		news: make(chan struct{}, 1), over: make(chan struct{}, 1), ended: make(chan struct{}),
		cursor: options.From, from: options.From, seq: -1, snapshot: options.Snapshot}
	w.ctx, w.cancel = context.WithCancel(ctx)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		w.cancel()
		return nil, ErrClosed
	}
	c.ended.Add(1)
	c.mu.Unlock()
	if err := w.first(); err != nil {
		w.finish(err)
		c.ended.Done()
		return nil, err
	}
	go w.run()
	return w, nil
}

// Subscribes within the request timeout.
func (w *Watcher) first() error {
	ctx := w.ctx
	if limit := w.client.settings.requestTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return w.subscribe(ctx)
}

// Next returns the next event; it waits for one within ctx, which ends only this wait. Other errors
// are final: the *GapError, the server's refusal, ErrWatchClosed, ErrClosed, that of Watch's context,
// or of the last attempt to connect where WithReconnect bounds them.
func (w *Watcher) Next(ctx context.Context) (Event, error) {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return Event{}, ctx.Err()
	}
	defer func() { <-w.turn }()
	for {
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		if event, ok, err := w.pop(); ok || err != nil {
			return event, err
		}
		select {
		case <-w.news:
		case <-ctx.Done():
		}
	}
}

func (w *Watcher) pop() (event Event, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.ctx.Err() != nil {
		return Event{}, false, w.ctx.Err() // run will note it
	}
	if len(w.queue) == 0 {
		return Event{}, false, w.err
	}
	next := w.queue[0]
	w.queue[0] = waiting{} // for the garbage collector
	w.queue = w.queue[1:]
	w.bytes -= next.bytes
	if next.after != "" {
		w.cursor = next.after
	}
	if len(w.queue) == 0 {
		w.queue = nil
		if w.feed == nil {
			tell(w.over) // that may wait for this
		}
	}
	return next.event, true, nil
}

// Cursor is the position after which nothing was handed out yet: keep it when the work on what Next
// returned is done, and go on from there with WatchOptions.From, in another program too. It stands
// between changes of the log: while Next hands out the events of one seq, or a snapshot, it stays
// before them. It also moves while nothing happens that is watched. Before a first snapshot is
// complete it is empty.
func (w *Watcher) Cursor() Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cursor
}

// Close ends the subscription; Next returns ErrWatchClosed then. It may be called more than once.
// It returns nil.
func (w *Watcher) Close() error {
	w.finish(ErrWatchClosed)
	<-w.ended
	return nil
}

// Lets the receiver look; it will look once, however often it was told.
func tell(receiver chan<- struct{}) {
	select {
	case receiver <- struct{}{}:
	default:
	}
}

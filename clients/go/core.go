// Package fluxion talks to a Fluxion server over one WebSocket connection, which it makes when
// the first call needs it and makes again when it is lost. A Client is safe for concurrent use.
package fluxion

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// Requests of one connection without a reply. The server stops reading at 4096; below that
	// it keeps answering pings.
	maxInFlight = 1024
	// Of a message of joined inserts: small beside the server's limit of 16 MiB.
	maxBatchBytes = 1 << 20
)

// Client is a connection to a server, with what is needed to make it again. Make it with
// NewClient and end it with Close.
//
// Requests go out in the order of their calls. They wait in queue until there is a connection,
// then in sent until their reply or the connection's end.
type Client struct {
	settings settings
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	wake     chan struct{} // something for the writer to look at
	ended    sync.WaitGroup

	failures int // in a row, to connect; owned by run

	mu       sync.Mutex
	queue    []*request
	sent     map[string]*message // by id
	feeds    map[string]*feed    // by id: the subscriptions of this connection
	lastID   uint64
	link     *link    // nil while there is none
	upcoming *attempt // the one under way, or the next
	last     error    // of the last attempt; nil if it succeeded
	running  bool     // whether run runs
	closed   bool
	position Position // of the latest write, which is seq of log
	log      string
	seq      int64
}

// A call's side of a request. state is guarded by Client.mu.
type request struct {
	token   string
	payload []byte // JSON
	records int    // that may be joined with other inserts; 0: goes by itself
	feed    *feed  // that it subscribes; nil: none
	since   time.Time
	state   requestState
	done    chan outcome // takes one
}

type requestState int

const (
	queued requestState = iota
	sent
	over
)

type outcome struct {
	reply []byte
	log   string
	err   error
}

// What goes out as one frame: a request, or several inserts.
type message struct {
	id      string
	members []*request
}

type attempt struct {
	done chan struct{}
	err  error // valid when done is closed
}

// NewClient prepares a client for a URL like ws://localhost:8080. It connects with the first
// call, or with Connect. It sends the key in the Authorization header, not in the URL.
func NewClient(url, key string, options ...Option) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		settings: defaults(url, key), ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1),
		sent: map[string]*message{}, feeds: map[string]*feed{},
		upcoming: &attempt{done: make(chan struct{})},
	}
	for _, option := range options {
		option(&c.settings)
	}
	return c
}

// Connect waits until the client is connected, or an attempt to connect has failed, and returns
// that attempt's error. Calls do not need it: they connect by themselves, and wait longer. With no
// server there it fails at once, while calls try again until their context or timeout ends.
func (c *Client) Connect(ctx context.Context) error {
	c.mu.Lock()
	if c.closed || c.link != nil {
		defer c.mu.Unlock()
		return c.closedError()
	}
	next := c.upcoming
	c.start()
	c.mu.Unlock()
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return &waitError{token: "connecting", cause: ctx.Err(), last: c.lastError()}
	}
}

// Close ends the connection and every goroutine of the client; calls under way, and later ones,
// fail with ErrClosed. It may be called more than once. It returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, waiting := range c.sent {
		c.finish(waiting, outcome{err: ErrClosed})
	}
	c.failQueue(ErrClosed)
	on := c.link
	c.mu.Unlock()
	c.cancel()
	if on != nil {
		// run closes the connection politely, but not longer than this.
		timer := time.AfterFunc(closeWait, func() { on.lose(ErrClosed) })
		defer timer.Stop()
	}
	c.ended.Wait()
	return nil
}

func (c *Client) closedError() error {
	if c.closed {
		return ErrClosed
	}
	return nil
}

func (c *Client) lastError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Sends a request and waits for its reply, within ctx and the request timeout.
func (c *Client) call(ctx context.Context, asked *request) outcome {
	if limit := c.settings.requestTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if ctx.Err() != nil {
		return outcome{err: &waitError{token: asked.token, cause: ctx.Err()}}
	}
	asked.since, asked.done = time.Now(), make(chan outcome, 1)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return outcome{err: ErrClosed}
	}
	c.queue = append(c.queue, asked)
	c.start()
	c.mu.Unlock()
	c.look()
	select {
	case got := <-asked.done:
		return got
	case <-ctx.Done():
		return c.abandon(asked, ctx.Err())
	}
}

// Gives a request up; its late reply will find nobody.
func (c *Client) abandon(asked *request, cause error) outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := asked.state
	asked.state = over
	if state == over {
		return <-asked.done
	}
	for i, other := range c.queue {
		if other == asked {
			c.queue = append(c.queue[:i:i], c.queue[i+1:]...)
			break
		}
	}
	return outcome{err: &waitError{asked.token, state == sent, cause, c.last}}
}

// Starts run unless it runs. With mu held.
func (c *Client) start() {
	if !c.running {
		c.running = true
		c.ended.Add(1)
		go c.run()
	}
}

// Makes the writer look at the queue.
func (c *Client) look() {
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Keeps the client connected until Close, or until connecting is hopeless.
func (c *Client) run() {
	defer c.ended.Done()
	for {
		made, err := c.connect()
		if err != nil {
			c.mu.Lock()
			c.running, c.failures = false, 0
			c.failQueue(err)
			c.tell(err) // who came after the last attempt
			c.mu.Unlock()
			return
		}
		c.serve(made)
	}
}

func (c *Client) connect() (*link, error) {
	for tries := 1; ; tries++ {
		if c.failures > 0 {
			select {
			case <-c.settings.after(c.settings.backoff.wait(c.failures)):
			case <-c.ctx.Done():
			}
		}
		made, final, err := dial(c.ctx, &c.settings)
		if err = c.settle(made, err); err == nil {
			c.settings.logger.Printf("fluxion: connected, the log is %s", made.log)
			return made, nil
		}
		c.report(err)
		c.failures++
		if final || tries == c.settings.attempts || c.ctx.Err() != nil {
			return nil, err
		}
	}
}

// Tells the logger, unless it is Close that ends things.
func (c *Client) report(err error) {
	if c.ctx.Err() == nil {
		c.settings.logger.Printf("%v", err)
	}
}

// Notes how an attempt ended.
func (c *Client) settle(made *link, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		if made != nil {
			_ = made.socket.CloseNow()
		}
		made, err = nil, ErrClosed
	}
	c.link, c.last = made, err
	c.tell(err)
	return err
}

// Ends the wait in Connect. With mu held.
func (c *Client) tell(err error) {
	c.upcoming.err = err
	close(c.upcoming.done)
	c.upcoming = &attempt{done: make(chan struct{})}
}

// Writes and reads until the connection is lost or the client closed.
func (c *Client) serve(on *link) {
	var others sync.WaitGroup
	others.Add(1)
	go func() {
		defer others.Done()
		c.read(on)
	}()
	if interval := c.settings.heartbeatInterval; interval > 0 {
		others.Add(1)
		go func() {
			defer others.Done()
			on.heartbeat(interval, c.settings.heartbeatTimeout)
		}()
	}
	c.write(on)
	if c.ctx.Err() != nil {
		// Its error says only that the other side was faster.
		_ = on.socket.Close(websocket.StatusNormalClosure, "")
	}
	on.lose(ErrClosed)
	_ = on.socket.CloseNow()
	others.Wait()
	c.lost(on)
}

func (c *Client) lost(on *link) {
	reason := reasonOf(on.why.Load().(error))
	failed := fmt.Errorf("%w (%s)", ErrConnectionLost, reason)
	c.report(fmt.Errorf("fluxion: the connection ended: %s", reason))
	c.mu.Lock()
	defer c.mu.Unlock()
	// Not ErrConnectionLost: what was not sent has a known outcome.
	c.link, c.last = nil, fmt.Errorf("fluxion: the connection ended: %s", reason)
	for id, waiting := range c.sent {
		delete(c.sent, id)
		c.finish(waiting, outcome{err: failed})
	}
	for id, ended := range c.feeds {
		delete(c.feeds, id)
		ended.watch.lose(ended, failed)
	}
	// A server that greets and leaves at once is waited for ever longer.
	if time.Since(on.begun) > c.settings.backoff.longest {
		c.failures = 0
	}
	c.failures++
}

func (c *Client) write(on *link) {
	for on.ctx.Err() == nil && c.ctx.Err() == nil {
		frame, wait := c.next()
		if frame == nil {
			c.pause(on, wait)
			continue
		}
		if err := on.socket.Write(on.ctx, websocket.MessageBinary, frame); err != nil {
			on.lose(err)
		}
	}
}

// Waits until there may be something to write; wait bounds it unless 0.
func (c *Client) pause(on *link, wait time.Duration) {
	var timeout <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-c.wake:
	case <-timeout:
	case <-on.ctx.Done():
	case <-c.ctx.Done():
	}
}

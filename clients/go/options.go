package fluxion

import (
	"context"
	"crypto/tls"
	"math/rand"
	"time"
)

// Option is a setting of NewClient.
type Option func(*settings)

// Logger is what *log.Logger is. The client never logs a key or data.
type Logger interface {
	Printf(format string, values ...any)
}

type settings struct {
	url, name         string
	key               func(context.Context) (string, error)
	requestTimeout    time.Duration
	connectTimeout    time.Duration
	backoff           backoff
	attempts          int
	heartbeatInterval time.Duration
	heartbeatTimeout  time.Duration
	logger            Logger
	tls               *tls.Config
	batchRecords      int
	batchDelay        time.Duration
	maxMessageBytes   int
	bufferedBytes     int // of a Watcher

	after func(time.Duration) <-chan time.Time // time.After, but for tests
}

func defaults(url, key string) settings {
	return settings{
		url:               url,
		key:               func(context.Context) (string, error) { return key, nil },
		requestTimeout:    30 * time.Second,
		connectTimeout:    10 * time.Second,
		backoff:           backoff{500 * time.Millisecond, 10 * time.Second, rand.Float64},
		heartbeatInterval: 20 * time.Second,
		heartbeatTimeout:  10 * time.Second,
		maxMessageBytes:   16 << 20,
		bufferedBytes:     defaultBufferedBytes,
		logger:            silent{},
		after:             time.After,
	}
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// WithConnectionName sets the label that GetConnections shows. Default: none.
func WithConnectionName(name string) Option {
	return func(s *settings) { s.name = name }
}

// WithKeyProvider asks for the API key before every attempt to connect, in place of NewClient's
// key, so that keys can be exchanged while the program runs. The context ends with the attempt.
func WithKeyProvider(provide func(ctx context.Context) (string, error)) Option {
	return func(s *settings) { s.key = provide }
}

// WithRequestTimeout bounds every call, with its wait for a connection. 0: only by its context.
// Default: 30 s, well above the longest wait of the server's own (5 s), so that a forgotten
// deadline blocks nobody for good.
func WithRequestTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.requestTimeout = timeout }
}

// WithConnectTimeout bounds one attempt to connect, from the key provider to the server's
// greeting. Default: 10 s, as long as the server waits for a request's head.
func WithConnectTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.connectTimeout = timeout }
}

// WithReconnect sets how lost connections are made again. Before the nth attempt in a row the
// client waits a random time between 0 and min(longest, base*2^(n-1)); attempts bounds the
// attempts in a row (0: no bound), after which waiting calls fail and the next call begins anew.
// Default: 500 ms, so that a restart of the server costs about that; 10 s, so that a long outage
// ends soon after the server is back; no bound, since every call has its own.
func WithReconnect(base, longest time.Duration, attempts int) Option {
	return func(s *settings) {
		s.backoff.base, s.backoff.longest, s.attempts = base, longest, attempts
	}
}

// WithHeartbeat pings the server every interval; when nothing at all comes back within timeout,
// the connection counts as lost. An interval of 0 turns it off. Default: 20 s and 10 s: below
// the 30 to 60 s after which routers and proxies forget silent connections.
func WithHeartbeat(interval, timeout time.Duration) Option {
	return func(s *settings) { s.heartbeatInterval, s.heartbeatTimeout = interval, timeout }
}

// WithLogger tells the logger of connections made and lost. Default: silence, as libraries keep.
func WithLogger(logger Logger) Option {
	return func(s *settings) { s.logger = logger }
}

// WithTLSConfig is used for wss:// URLs. Default: the system's certificates.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) { s.tls = config }
}

// WithInsertBatching joins inserts of concurrent calls into messages of at most maxRecords
// records and 1 MiB, and lets the first of them wait at most maxDelay for others; inserts that
// queue up behind a message that is being written are joined even with a delay of 0. Every call
// still returns when its own records are durable, and is refused by itself. What one message
// holds is inserted all or none, as always. Default: off; a delay is for the program to choose.
func WithInsertBatching(maxRecords int, maxDelay time.Duration) Option {
	return func(s *settings) { s.batchRecords, s.batchDelay = maxRecords, maxDelay }
}

// WithMaxMessageBytes refuses requests of more bytes with ErrTooLarge, before they are sent: the
// server would end the connection for one, and so fail the other calls too. Insert large amounts
// in pieces of, say, 10,000 records. 0: no bound. Default: 16 MiB, the server's default; after a
// change of its --max-message set the same here.
func WithMaxMessageBytes(most int) Option {
	return func(s *settings) { s.maxMessageBytes = most }
}

// Exponential back-off with full jitter.
type backoff struct {
	base, longest time.Duration
	random        func() float64 // in [0, 1)
}

// How long to wait after so many failures in a row, 1 or more.
func (b backoff) wait(failures int) time.Duration {
	most := b.longest
	if shift := failures - 1; b.base < b.longest>>shift { // so the other shift cannot overflow
		most = b.base << shift
	}
	return time.Duration(b.random() * float64(most))
}

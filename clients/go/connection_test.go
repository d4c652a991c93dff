package fluxion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestCallsWaitForAServerThatWasKilled(t *testing.T) {
	s := startServer(t, "--data", t.TempDir())
	c, ctx := s.client(WithReconnect(time.Millisecond, 50*time.Millisecond, 0)), limited(t)
	for round := 0; round < 3; round++ {
		value := fmt.Sprint("value ", round)
		must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: value}))
		s.kill()
		for c.lastError() == nil { // until the client has noticed
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			_, err := c.GetKeys(short, CollectionParam{Col: "c"})
			cancel()
			if err == nil {
				t.Fatal("a dead server answers")
			}
		}
		reads := make(chan error, 8)
		for i := 0; i < cap(reads); i++ {
			go func() {
				got, err := c.GetValue(ctx, GetValueParams{Col: "c", Key: "k"})
				if err == nil && got != value {
					err = fmt.Errorf("%q, want %q", got, value)
				}
				reads <- err
			}()
		}
		s.start()
		for i := 0; i < cap(reads); i++ {
			must(t, await(t, "a read", reads))
		}
	}
}

func TestConnectTellsTheFirstFailureAndTheClientGoesOn(t *testing.T) {
	s := startServer(t)
	s.kill()
	c, ctx := s.client(WithReconnect(time.Millisecond, 20*time.Millisecond, 0)), limited(t)
	err := c.Connect(ctx)
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("%v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = c.FetchCollections(short)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not sent") ||
		!strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
	s.start()
	must(t, second(c.FetchCollections(ctx)))
	must(t, c.Connect(ctx))
}

func TestRequestsOfALostConnectionAreNotSentAgain(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithReconnect(time.Millisecond, time.Millisecond, 0))
	result := make(chan error, 1)
	set := func() {
		result <- c.SetValue(limited(t), SetValueParams{Col: "c", Key: "k", Value: "v"})
	}
	go set()
	first := await(t, "a frame", f.frames)
	same(t, "data", string(first.Data), `{"col":"c","key":"k","value":"v"}`)
	if first.kind != websocket.MessageBinary {
		t.Errorf("frame %+v, data %s", first, first.Data)
	}
	first.from.CloseNow()
	if err := await(t, "the error", result); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("%v", err)
	}
	// The next connection carries the next request, and not the lost one.
	go set()
	next := await(t, "the next frame", f.frames)
	if next.ID == first.ID || next.from == first.from {
		t.Error("it was sent again")
	}
	next.reply(t, `,"seq":1,"ver":1`)
	must(t, await(t, "the reply", result))
	same(t, "frames", len(f.frames), 0)
}

func TestAReplyCutAtAnyByteIsALostConnection(t *testing.T) {
	s := startServer(t)
	must(t, s.client().SetValue(limited(t),
		SetValueParams{Col: "c", Key: "k", Value: strings.Repeat("x", 1000)}))
	through := startProxy(t, s.address())
	bytes := 0
	through.cut(func() int { bytes++; return bytes })
	c := newClient(t, through.url(), WithReconnect(time.Microsecond, time.Microsecond, 0))
	for lost := 0; lost < 1000; {
		_, err := c.GetValue(limited(t), GetValueParams{Col: "c", Key: "k"})
		if err != nil && !errors.Is(err, ErrConnectionLost) ||
			err != nil && strings.Contains(err.Error(), "understood") {
			t.Fatal(err)
		}
		if err != nil {
			lost++
		}
	}
}

func TestAMissedPongIsALostConnection(t *testing.T) {
	through := startProxy(t, startServer(t).address())
	c := newClient(t, through.url(), WithHeartbeat(50*time.Millisecond, 4*time.Second),
		WithReconnect(time.Millisecond, time.Millisecond, 0))
	must(t, c.Connect(limited(t)))
	await(t, "a connection", through.arrivals)
	through.fallSilent()
	err := second(c.FetchCollections(limited(t)))
	if !errors.Is(err, ErrConnectionLost) || !strings.Contains(err.Error(), "no pong within 4s") {
		t.Fatalf("%v", err)
	}
	must(t, second(c.FetchCollections(limited(t))))
	await(t, "another connection", through.arrivals)
}

// A pong may stand behind a large reply.
func TestAnyByteIsAsGoodAsAPong(t *testing.T) {
	timeout := 3 * time.Second
	answer := make(chan error, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		for text := `{"type":"ready"}`; err == nil; text = `{"id":"nobody's"}` {
			err = socket.Write(r.Context(), websocket.MessageText, []byte(text))
			select {
			case <-time.After(timeout / 150):
			case <-answer: // it reads nothing, so it answers no ping, until now
				_, text, err := socket.Read(context.Background())
				if err != nil || !strings.Contains(string(text), `{"id":"1","type":"cols"`) {
					t.Errorf("%v, %s", err, text)
				}
				_ = socket.CloseNow()
				return
			}
		}
		t.Errorf("the connection was lost: %v", err)
	}))
	defer web.Close()
	c := newClient(t, "ws"+strings.TrimPrefix(web.URL, "http"),
		WithHeartbeat(timeout/100, timeout))
	defer c.Close()
	must(t, c.Connect(limited(t)))
	time.AfterFunc(timeout*5/2, func() { answer <- nil })
	if err := second(c.FetchCollections(limited(t))); !errors.Is(err, ErrConnectionLost) ||
		strings.Contains(err.Error(), "pong") {
		t.Errorf("%v", err)
	}
}

func TestAContextEndsItsCallOnly(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url)
	ctx, cancel := context.WithCancel(limited(t))
	given, kept := make(chan error, 1), make(chan error, 1)
	go func() { given <- second(c.GetValue(ctx, GetValueParams{Col: "c", Key: "given up"})) }()
	upped := await(t, "a frame", f.frames)
	go func() {
		value, err := c.GetValue(limited(t), GetValueParams{Col: "c", Key: "kept"})
		if value != "right" {
			err = fmt.Errorf("%q, %w", value, err)
		}
		kept <- err
	}()
	waiting := await(t, "a frame", f.frames)
	cancel()
	err := await(t, "the end", given)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "outcome is unknown") {
		t.Errorf("%v", err)
	}
	upped.reply(t, `,"value":"late","found":true,"ver":1`) // dropped
	waiting.reply(t, `,"value":"right","found":true,"ver":1`)
	must(t, await(t, "the other call", kept))
	if waiting.from != upped.from {
		t.Error("another connection")
	}
	// One whose context has ended before is not sent.
	for i := 0; i < 200; i++ {
		err = c.SetValue(ctx, SetValueParams{Col: "c", Key: "k"})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not sent") {
			t.Fatalf("%v", err)
		}
	}
	same(t, "frames", len(f.frames), 0)
}

func TestTheRequestTimeoutBoundsACall(t *testing.T) {
	c := newClient(t, startFake(t).url, WithRequestTimeout(20*time.Millisecond))
	err := second(c.GetKeys(context.Background(), CollectionParam{Col: "c"}))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestTheConnectTimeoutBoundsAnAttempt(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, nobody answers
	must(t, err)
	defer silent.Close()
	c := newClient(t, "ws://"+silent.Addr().String(), WithConnectTimeout(20*time.Millisecond))
	if err := c.Connect(limited(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestTheKeyProviderIsAskedForEveryAttempt(t *testing.T) {
	s := startServer(t)
	broken := errors.New("the vault is closed")
	var asked atomic.Int64
	c := s.client(WithReconnect(time.Millisecond, time.Millisecond, 1),
		WithKeyProvider(func(context.Context) (string, error) {
			switch asked.Add(1) {
			case 1:
				return "", broken
			case 2:
				return "wrong", nil
			}
			return masterKey, nil
		}))
	ctx := limited(t)
	if err := second(c.FetchCollections(ctx)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := second(c.FetchCollections(ctx)); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("%v", err)
	}
	must(t, second(c.FetchCollections(ctx)))
	must(t, second(c.FetchCollections(ctx)))
	same(t, "asked", asked.Load(), int64(3))
	s.kill()
	for second(c.FetchCollections(ctx)) == nil {
	}
	s.start()
	for second(c.FetchCollections(ctx)) != nil { // of an attempt that began before
		must(t, ctx.Err())
	}
	if asked.Load() < 4 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestBackoff(t *testing.T) {
	for _, random := range []float64{0, 0.5, math.Nextafter(1, 0)} {
		b := backoff{200 * time.Millisecond, 10 * time.Second, func() float64 { return random }}
		for failures, most := range map[int]time.Duration{1: 200 * time.Millisecond,
			2: 400 * time.Millisecond, 3: 800 * time.Millisecond, 6: 6400 * time.Millisecond,
			7: 10 * time.Second, 40: 10 * time.Second, 100000: 10 * time.Second} {
			want := time.Duration(random * float64(most))
			if got := b.wait(failures); got != want || got < 0 || got > most {
				t.Errorf("after %d: %v, want %v", failures, got, want)
			}
		}
	}
	// Full jitter: the whole range is used, from nearly none to nearly all.
	b := backoff{time.Second, time.Second, rand.New(rand.NewSource(1)).Float64}
	least, most := time.Second, time.Duration(0)
	for i := 0; i < 1000; i++ {
		wait := b.wait(1)
		if wait < least {
			least = wait
		}
		if wait > most {
			most = wait
		}
	}
	if least > 20*time.Millisecond || most < 980*time.Millisecond || most > time.Second {
		t.Errorf("%v to %v", least, most)
	}
}

func TestAttemptsAreSpacedAndBounded(t *testing.T) {
	s := startServer(t)
	s.kill()
	var waits []time.Duration
	c := s.client(WithReconnect(time.Second, 5*time.Second, 6))
	c.settings.backoff.random = func() float64 { return 0.5 }
	c.settings.after = func(wait time.Duration) <-chan time.Time {
		waits = append(waits, wait)
		now := make(chan time.Time, 1)
		now <- time.Now()
		return now
	}
	want := []time.Duration{500, 1000, 2000, 2500, 2500}
	for i := range want {
		want[i] *= time.Millisecond
	}
	for round := 0; round < 2; round++ { // the next call begins anew
		waits = nil
		err := second(c.FetchCollections(limited(t)))
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Fatalf("%v", err)
		}
		same(t, "waits", waits, want)
	}
}

func TestAServerThatGreetsAndLeavesIsWaitedForLonger(t *testing.T) {
	f := startFake(t)
	waits := make(chan time.Duration)
	c := newClient(t, f.url, WithReconnect(time.Second, time.Hour, 1))
	c.settings.backoff.random = func() float64 { return 0.5 }
	c.settings.after = func(wait time.Duration) <-chan time.Time {
		now := make(chan time.Time, 1)
		select {
		case waits <- wait:
			now <- time.Now()
		case <-c.ctx.Done():
		}
		return now
	}
	must(t, c.Connect(limited(t)))
	for _, want := range []time.Duration{500, 1000, 2000, 4000} {
		await(t, "a connection", f.arrivals).CloseNow()
		same(t, "wait", await(t, "a wait", waits), want*time.Millisecond)
	}
}

func TestAMessageTheServerFindsTooLong(t *testing.T) {
	s := startServer(t, "--max-message", "64KiB") // less than the client knows of
	c, ctx := s.client(WithReconnect(time.Millisecond, time.Millisecond, 0)), limited(t)
	err := c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: strings.Repeat("x", 100_000)})
	if !errors.Is(err, ErrConnectionLost) {
		t.Errorf("%v", err)
	}
	must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: "short"}))
}

func TestARequestOverMaxMessageBytesIsNotSent(t *testing.T) {
	s := startServer(t, "--max-message", "64KiB")
	through := startProxy(t, s.address())
	const most = 64 << 10
	c, ctx := newClient(t, through.url(), WithMaxMessageBytes(most)), limited(t)
	set := func(length int) error {
		return c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: strings.Repeat("x", length)})
	}
	fits := most - envelopeBytes("sval") - len(`{"col":"c","key":"k","value":""}`)
	must(t, set(fits))
	var said *Error
	if err := set(fits + 1); !errors.As(err, &said) || said.Code != ErrTooLarge ||
		said.Type != "sval" || !strings.Contains(said.Message, "65536 bytes") {
		t.Errorf("%v", err)
	}
	got, err := c.GetValue(ctx, GetValueParams{Col: "c", Key: "k"})
	must(t, err)
	same(t, "length", len(got), fits)
	same(t, "connections", len(through.arrivals), 1)
}

func TestTheEnvelopeIsNeverLongerThanSaid(t *testing.T) {
	id := fmt.Sprint(uint64(math.MaxUint64))
	for _, token := range []string{"ins", "gvalues"} {
		same(t, token, envelopeBytes(token), len(envelope(id, token, nil)))
	}
}

func TestDefaults(t *testing.T) {
	f := startFake(t)
	c, ctx := newClient(t, f.url), limited(t)
	large := SetValueParams{Col: "c", Key: "k", Value: strings.Repeat("x", 16<<20)}
	if err := c.SetValue(ctx, large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	unbounded := newClient(t, f.url, WithMaxMessageBytes(0))
	result := make(chan error, 1)
	go func() { result <- unbounded.SetValue(ctx, large) }()
	await(t, "a frame", f.frames).reply(t, `,"seq":1,"ver":1`)
	must(t, await(t, "the reply", result))
	s := c.settings
	same(t, "request timeout", s.requestTimeout, 30*time.Second)
	same(t, "connect timeout", s.connectTimeout, 10*time.Second)
	same(t, "heartbeat interval", s.heartbeatInterval, 20*time.Second)
	same(t, "heartbeat timeout", s.heartbeatTimeout, 10*time.Second)
	same(t, "back-off base", s.backoff.base, 500*time.Millisecond)
	same(t, "longest back-off", s.backoff.longest, 10*time.Second)
}

func TestRequestsUnderWayAreBounded(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url)
	const calls = maxInFlight + 50
	results := make(chan error, calls)
	for i := 0; i < calls; i++ {
		go func() { results <- second(c.GetKeys(limited(t), CollectionParam{Col: "c"})) }()
	}
	var held []frame
	for len(held) < maxInFlight {
		held = append(held, await(t, "a frame", f.frames))
	}
	for _, one := range held {
		c.mu.Lock()
		if len(c.sent) > maxInFlight {
			t.Errorf("%d under way", len(c.sent))
		}
		c.mu.Unlock()
		one.reply(t, `,"keys":[]`)
	}
	for i := maxInFlight; i < calls; i++ {
		await(t, "a frame", f.frames).reply(t, `,"keys":[]`)
	}
	for i := 0; i < calls; i++ {
		must(t, await(t, "a reply", results))
	}
}

func TestManyGoroutines(t *testing.T) {
	s := startServer(t)
	c, ctx := s.client(WithInsertBatching(50, time.Millisecond)), limited(t)
	var all sync.WaitGroup
	for i := 0; i < 64; i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			doc := fmt.Sprint("doc-", i)
			for ts := int64(0); ts < 20; ts++ {
				data := fmt.Sprint(i, " at ", ts)
				record := Record{TS: ts, Doc: doc, Data: data, Col: "c"}
				err := c.InsertSingleDocumentRecord(ctx, record)
				got, readErr := c.FetchLatestRecords(ctx,
					FetchLatestRecordsParams{Col: "c", TS: ts, Doc: doc})
				setErr := c.SetValue(ctx, SetValueParams{Col: "c", Key: doc, Value: data})
				value, getErr := c.GetValue(ctx, GetValueParams{Col: "c", Key: doc})
				if err != nil || readErr != nil || setErr != nil || getErr != nil ||
					got[doc].Data != data || value != data {
					t.Error(err, readErr, setErr, getErr, got, value)
					return
				}
				gone, cancel := context.WithCancel(ctx)
				go cancel()
				if err := second(c.GetKeys(gone, CollectionParam{Col: "c"})); err != nil &&
					!errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	latest, err := c.FetchLatestRecords(ctx, FetchLatestRecordsParams{Col: "c", TS: 99})
	must(t, err)
	same(t, "documents", len(latest), 64)
}

type memory struct {
	mu   sync.Mutex
	said string
}

func (m *memory) Printf(format string, values ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said += fmt.Sprintf(format, values...) + "\n"
}

func (m *memory) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said
}

func TestTheLoggerHearsOfConnectionsAndNeverOfKeys(t *testing.T) {
	s, heard := startServer(t), &memory{}
	c := s.client(WithLogger(heard), WithReconnect(time.Millisecond, time.Millisecond, 3))
	must(t, c.SetValue(limited(t), SetValueParams{Col: "c", Key: "k", Value: "secret value"}))
	s.kill()
	for second(c.FetchCollections(limited(t))) == nil {
	}
	c.ended.Wait() // for its attempts
	for _, wanted := range []string{"connected", "connection ended", "connection refused"} {
		if !strings.Contains(heard.said, wanted) {
			t.Errorf("no %q in %s", wanted, heard.said)
		}
	}
	for _, secret := range []string{masterKey, "secret value"} {
		if strings.Contains(heard.said, secret) {
			t.Errorf("%q in %s", secret, heard.said)
		}
	}
}

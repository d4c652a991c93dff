package fluxion

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A watch of which the test plays the server.
type scripted struct {
	t *testing.T
	f *fakeServer
	c *Client
	w *Watcher
}

func startScript(t *testing.T, options ...Option) *scripted {
	f := startFake(t)
	options = append([]Option{WithReconnect(time.Millisecond, time.Millisecond, 0)}, options...)
	return &scripted{t: t, f: f, c: newClient(t, f.url, options...)}
}

type watching struct {
	w   *Watcher
	err error
}

func (s *scripted) open(ctx context.Context, options WatchOptions) <-chan watching {
	opened := make(chan watching, 1)
	go func() {
		w, err := s.c.Watch(ctx, options)
		opened <- watching{w, err}
	}()
	return opened
}

// Starts the watch and answers with the fields; the frame is the subscription.
func (s *scripted) watch(options WatchOptions, payload, reply string) frame {
	s.t.Helper()
	opened := s.open(context.Background(), options)
	sub := s.expect("sub", payload)
	sub.reply(s.t, reply)
	got := await(s.t, "the watch", opened)
	must(s.t, got.err)
	s.w = got.w
	return sub
}

// The next request.
func (s *scripted) expect(token, payload string) frame {
	s.t.Helper()
	asked := await(s.t, "a frame", s.f.frames)
	if asked.Type != token || string(asked.Data) != payload {
		s.t.Fatalf("%s %s, want %s %s", asked.Type, asked.Data, token, payload)
	}
	return asked
}

func (s *scripted) unsubscribed(sub frame) {
	s.t.Helper()
	s.expect("unsub", fmt.Sprintf(`{"sub":%q}`, sub.ID)).reply(s.t, "")
}

func (sub frame) push(t *testing.T, fields string) {
	t.Helper()
	text := fmt.Sprintf(`{"type":"evt","sub":%q,%s}`, sub.ID, fields)
	must(t, sub.from.Write(limited(t), websocket.MessageBinary, []byte(text)))
}

// A frame's fields with events of these places, "7.0 7.1".
func events(seq int64, places, more string) string {
	out := []string{}
	for _, at := range strings.Fields(places) {
		parts := strings.Split(at, ".")
		out = append(out, fmt.Sprintf(`{"seq":%s,"i":%s,"op":"set","col":"c","key":"k%s","ver":1,"value":""}`,
			parts[0], parts[1], at))
	}
	return fmt.Sprintf(`"seq":%d,"events":[%s]%s`, seq, strings.Join(out, ","), more)
}

// A short word for an event, and the cursor after it.
func (s *scripted) next() string {
	s.t.Helper()
	event, err := s.w.Next(limited(s.t))
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	word := event.Key + event.Doc
	if event.Op != EventSet {
		word = strings.TrimSpace(fmt.Sprint(event.Op, " ", word))
	}
	if event.Snapshot {
		word = "state " + word
	}
	if event.Restarted {
		word += " restarted"
	}
	return fmt.Sprintf("%s|%s", word, s.w.Cursor())
}

func (s *scripted) hears(wanted ...string) {
	s.t.Helper()
	for _, want := range wanted {
		if got := s.next(); got != want {
			s.t.Fatalf("%q, want %q", got, want)
		}
	}
}

func (s *scripted) hearsNothing() {
	s.t.Helper()
	short, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if event, err := s.w.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		s.t.Fatalf("%+v, %v", event, err)
	}
}

func (s *scripted) cursorBecomes(want Position) {
	s.t.Helper()
	for begun := time.Now(); s.w.Cursor() != want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			s.t.Fatalf("the cursor is %s, not %s", s.w.Cursor(), want)
		}
	}
}

// Waits until so many events wait for Next.
func (s *scripted) holds(want int) {
	s.t.Helper()
	got := -1
	for begun := time.Now(); got != want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			s.t.Fatalf("%d events wait, not %d", got, want)
		}
		s.w.mu.Lock()
		got = len(s.w.queue)
		s.w.mu.Unlock()
	}
}

const (
	keysFromNow = `{"kind":"keys"}`
	accepted    = `,"seq":5,"log":"feed"`
)

func keysFrom(position string) string { return fmt.Sprintf(`{"kind":"keys","from":%q}`, position) }

func TestEventsAndTheirFields(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys, Col: "c", Match: "/a/", Where: "x", Filter: "y",
		From: "feed:3", Fields: []string{}},
		`{"kind":"keys","col":"c","match":"/a/","where":"x","filter":"y","from":"feed:3","fields":[]}`,
		`,"seq":3,"log":"feed"`)
	sub.push(t, `"seq":9,"events":[
		{"seq":8,"i":0,"op":"set","col":"c","key":"k","ver":3,"value":"v","expires":17,"previous":"","time":16,"entered":true},
		{"seq":8,"i":2,"op":"set","col":"c","key":"k","ver":4,"left":true,"unknown":[1]},
		{"seq":9,"i":0,"op":"deleted","col":"c","doc":"d","from":-9223372036854775808,"to":9223372036854775807},
		{"seq":9,"i":1,"op":"inserted","col":"c","doc":"d","ts":9007199254740993,"data":"é"}]`)
	for _, want := range []Event{
		{Seq: 8, Op: EventSet, Col: "c", Key: "k", Ver: 3, Value: "v", Expires: 17, Previous: Ptr(""),
			Time: 16, Entered: true},
		{Seq: 8, I: 2, Op: EventSet, Col: "c", Key: "k", Ver: 4, Left: true},
		{Seq: 9, Op: EventDeleted, Col: "c", Doc: "d", From: Ptr(int64(-1 << 63)),
			To: Ptr(int64(1<<63 - 1))},
		{Seq: 9, I: 1, Op: EventInserted, Col: "c", Doc: "d", TS: 9007199254740993, Data: "é"},
	} {
		got, err := s.w.Next(limited(t))
		must(t, err)
		same(t, "event", got, want)
	}
	same(t, "position", s.c.Position(), Position("")) // the watch is no write
}

func TestTheCursorStandsBetweenChanges(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	same(t, "cursor", s.w.Cursor(), Position("feed:5"))
	sub.push(t, events(6, "6.0 7.0", `,"more":true`))
	sub.push(t, events(7, "7.1", ""))
	sub.push(t, events(8, "8.0 8.3", ""))
	s.hears("k6.0|feed:5", "k7.0|feed:5", "k7.1|feed:7", "k8.0|feed:7", "k8.3|feed:8")
	sub.push(t, events(20, "", "")) // a bookmark, while nothing waits
	s.cursorBecomes("feed:20")
	sub.push(t, events(21, "21.0", ""))
	sub.push(t, events(30, "", "")) // and while something does
	sub.push(t, events(31, "", ""))
	sub.push(t, events(32, "32.0", ""))
	s.holds(2)
	s.hears("k21.0|feed:31", "k32.0|feed:32")
	s.hearsNothing()
}

func TestAResumeInTheMiddleOfAChange(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	sub.push(t, events(6, "6.0", ""))
	sub.push(t, events(6, "7.0 7.1", `,"more":true`))
	s.hears("k6.0|feed:6", "k7.0|feed:6")
	must(t, sub.from.CloseNow())
	next := s.expect("sub", keysFrom("feed:6"))
	if next.ID == sub.ID {
		t.Error("an id was used twice")
	}
	next.push(t, events(6, "7.0 7.1", `,"more":true`)) // a server may be so quick
	next.reply(t, `,"seq":6,"log":"feed"`)
	next.push(t, events(6, "7.1 7.2", `,"more":true`))
	next.push(t, events(8, "7.2 7.3 8.0", ""))
	s.hears("k7.1|feed:6", "k7.2|feed:6", "k7.3|feed:6", "k8.0|feed:8")
	next.push(t, events(8, "6.0 8.0", "")) // all known
	next.push(t, events(9, "9.0", ""))
	s.hears("k9.0|feed:9")
}

func TestAConnectionLostAgainAndAgain(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	for i := 0; i < 20; i++ {
		must(t, sub.from.CloseNow())
		sub = s.expect("sub", keysFrom(fmt.Sprint("feed:", 5+i)))
		if i%3 == 0 { // before the reply, too
			must(t, sub.from.CloseNow())
			sub = s.expect("sub", keysFrom(fmt.Sprint("feed:", 5+i)))
		}
		sub.reply(t, fmt.Sprintf(`,"seq":%d,"log":"feed"`, 5+i))
		sub.push(t, events(int64(6+i), fmt.Sprintf("%d.0", 6+i), ""))
		if i%2 == 0 {
			s.hears(fmt.Sprintf("k%d.0|feed:%d", 6+i, 6+i))
		} else {
			defer s.hearsNothing()
			s.hears(fmt.Sprintf("k%d.0|feed:%d", 6+i, 6+i))
		}
	}
}

func TestAnEvictedSubscriptionGoesOn(t *testing.T) {
	s := startScript(t)
	waits := make(chan time.Duration, 100)
	s.c.settings.backoff = backoff{time.Second, time.Hour, func() float64 { return 0.5 }}
	s.c.settings.after = func(wait time.Duration) <-chan time.Time {
		waits <- wait
		now := make(chan time.Time, 1)
		now <- time.Now()
		return now
	}
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	evicted := `,"code":"evicted","error":"too slow"`
	sub.push(t, events(6, "6.0", ""))
	sub.push(t, events(7, "", evicted))
	for i := 0; i < 3; i++ {
		sub = s.expect("sub", keysFrom("feed:7"))
		sub.reply(t, `,"seq":7,"log":"feed"`)
		sub.push(t, events(7, "", evicted))
	}
	sub = s.expect("sub", keysFrom("feed:7"))
	sub.reply(t, `,"error":"no time","code":"busy"`)
	for _, want := range []time.Duration{500, 1000, 2000, 4000} {
		same(t, "wait", await(t, "a wait", waits), want*time.Millisecond)
	}
	sub = s.expect("sub", keysFrom("feed:7"))
	sub.reply(t, `,"seq":7,"log":"feed"`)
	sub.push(t, events(8, "8.0", evicted))
	s.hears("k6.0|feed:7", "k8.0|feed:8")
	sub = s.expect("sub", keysFrom("feed:8"))
	same(t, "waits after it came further", len(waits), 0)
	sub.reply(t, `,"seq":8,"log":"feed"`)
	sub.push(t, events(9, "9.0", ""))
	s.hears("k9.0|feed:9")
}

func TestGaps(t *testing.T) {
	compacted := `,"error":"too old","code":"compacted","oldest":"feed:40"`
	check := func(err error) {
		t.Helper()
		var gap *GapError
		if !errors.As(err, &gap) || gap.Oldest != "feed:40" || !errors.Is(err, ErrGap) ||
			!errors.Is(err, ErrCompacted) || !strings.Contains(err.Error(), "too old") {
			t.Errorf("%v", err)
		}
	}
	s := startScript(t)
	opened := s.open(context.Background(), WatchOptions{Kind: WatchKeys, From: "feed:3"})
	s.expect("sub", keysFrom("feed:3")).reply(t, compacted)
	check(await(t, "the refusal", opened).err)

	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	sub.push(t, events(6, "6.0", ""))
	must(t, sub.from.CloseNow())
	s.expect("sub", keysFrom("feed:6")).reply(t, compacted)
	s.hears("k6.0|feed:6") // what came before it is handed out
	for i := 0; i < 2; i++ {
		_, err := s.w.Next(limited(t))
		check(err)
	}
	must(t, s.w.Close())

	sub = s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	sub.push(t, events(6, "6.0", ""))
	sub.push(t, events(6, "", compacted))
	s.hears("k6.0|feed:6")
	_, err := s.w.Next(limited(t))
	check(err)
}

func TestASnapshotAfterAGap(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys, OnGap: TakeSnapshot}, keysFromNow, accepted)
	sub.push(t, events(6, "6.0", ""))
	must(t, sub.from.CloseNow())
	s.expect("sub", keysFrom("feed:6")).reply(t,
		`,"error":"another history","code":"compacted","oldest":"new:1"`)
	sub = s.expect("sub", `{"kind":"keys","snapshot":true}`)
	sub.reply(t, `,"seq":0,"log":"new"`)
	sub.push(t, events(0, "3.0 2.0", `,"snapshot":true,"more":true`))
	sub.push(t, events(3, "", `,"snapshot":true`))
	sub.push(t, events(4, "4.0", "")) // in the new log's count
	s.hears("k6.0|feed:6")
	event, err := s.w.Next(limited(t))
	must(t, err)
	same(t, "gap", event, Event{Op: EventGap, Oldest: "new:1"})
	s.hears("snapshot_begin|feed:6", "state k3.0|feed:6", "state k2.0|feed:6",
		"snapshot_end|new:3", "k4.0|new:4")
	must(t, sub.from.CloseNow())
	s.expect("sub", keysFrom("new:4")).reply(t, `,"error":"again","code":"compacted"`)
	sub = s.expect("sub", `{"kind":"keys","snapshot":true}`)
	sub.reply(t, `,"seq":0,"log":"new"`)
	sub.push(t, events(0, "5.0", `,"snapshot":true,"more":true`))
	sub.push(t, events(9, "", "")) // no end
	sub.push(t, events(9, "", `,"snapshot":true`))
	s.holds(4)
	s.hears("gap|new:4", "snapshot_begin|new:4", "state k5.0|new:4", "snapshot_end|new:9")

	// A server that has neither the events nor a snapshot.
	opened := s.open(context.Background(), WatchOptions{Kind: WatchDocs, From: "7", OnGap: TakeSnapshot})
	s.expect("sub", `{"kind":"docs","from":"7"}`).reply(t, `,"error":"no","code":"compacted"`)
	s.expect("sub", `{"kind":"docs","snapshot":true}`).reply(t, `,"error":"no","code":"compacted"`)
	if err := await(t, "the refusal", opened).err; !errors.Is(err, ErrGap) {
		t.Errorf("%v", err)
	}
}

func TestAnInterruptedSnapshotStartsAnew(t *testing.T) {
	s := startScript(t)
	wanted := `{"kind":"keys","snapshot":true}`
	begun := `,"seq":0,"log":"feed"`
	part := `,"snapshot":true,"more":true`
	sub := s.watch(WatchOptions{Kind: WatchKeys, Snapshot: true}, wanted, begun)
	same(t, "cursor", s.w.Cursor(), Position(""))
	sub.push(t, events(0, "3.0 2.0 9.0", part))
	s.hears("snapshot_begin|", "state k3.0|", "state k2.0|")
	must(t, sub.from.CloseNow())
	sub = s.expect("sub", wanted)
	sub.reply(t, begun)
	sub.push(t, events(0, "10.0", part))
	s.holds(2)
	s.hears("snapshot_begin restarted|") // and not what was left of the first one
	must(t, sub.from.CloseNow())
	for i := 0; i < 2; i++ { // nobody looks
		sub = s.expect("sub", wanted)
		sub.reply(t, begun)
		sub.push(t, events(0, "10.0 11.0", part))
		sub.push(t, events(0, "", `,"snapshot":true,"code":"evicted","error":"too slow"`))
	}
	sub = s.expect("sub", wanted)
	sub.reply(t, begun)
	sub.push(t, events(0, "3.0 2.0", part))
	sub.push(t, events(12, "", `,"snapshot":true`))
	sub.push(t, events(13, "12.0 13.0", ""))
	s.holds(5)
	s.hears("snapshot_begin restarted|", "state k3.0|", "state k2.0|", "snapshot_end|feed:12",
		"k13.0|feed:13")
	must(t, sub.from.CloseNow())
	s.expect("sub", keysFrom("feed:13"))
}

func TestASlowProgramIsWaitedFor(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys, Buffer: 3}, keysFromNow, accepted)
	sub.push(t, events(7, "6.0 7.0", ""))
	sub.push(t, events(7, "8.0", `,"more":true`))
	sub.push(t, events(8, "8.1", ""))
	s.unsubscribed(sub)
	sub.push(t, events(9, "9.0", "")) // on its way already
	s.hears("k6.0|feed:5", "k7.0|feed:7")
	same(t, "frames before it has all", len(s.f.frames), 0)
	s.hears("k8.0|feed:7")
	sub = s.expect("sub", keysFrom("feed:7"))
	sub.reply(t, `,"seq":7,"log":"feed"`)
	sub.push(t, events(8, "8.0 8.1 8.2 8.3 8.4", "")) // more than the buffer, but one message
	s.hears("k8.1|feed:7", "k8.2|feed:7", "k8.3|feed:7", "k8.4|feed:8")
	sub.push(t, events(9, "9.0 9.1", ""))
	must(t, sub.from.CloseNow()) // it goes on although some wait
	sub = s.expect("sub", keysFrom("feed:9"))
	sub.reply(t, `,"seq":9,"log":"feed"`)
	sub.push(t, events(10, "10.0 10.1", ""))
	s.unsubscribed(sub)
	s.hears("k9.0|feed:8", "k9.1|feed:9")
	s.expect("sub", keysFrom("feed:9"))
}

func TestTheBufferIsBoundedInBytesToo(t *testing.T) {
	s := startScript(t)
	s.c.settings.bufferedBytes = 1000
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	for seq := 6; seq < 6+3; seq++ {
		sub.push(t, fmt.Sprintf(`"seq":%d,"events":[{"seq":%d,"i":0,"op":"set","key":"k","value":%q}]`,
			seq, seq, strings.Repeat("x", 1000*3/10)))
	}
	s.unsubscribed(sub)
	s.hears("k|feed:6", "k|feed:7")
	s.expect("sub", keysFrom("feed:7"))
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	same(t, "bytes", s.w.bytes, 0)
}

func TestASnapshotIsHeldWhole(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys, Snapshot: true, Buffer: 2},
		`{"kind":"keys","snapshot":true}`, `,"seq":0,"log":"feed"`)
	for i := 0; i < 9; i++ {
		sub.push(t, events(0, "1.0 2.0 3.0", `,"snapshot":true,"more":true`))
	}
	sub.push(t, events(12, "", `,"snapshot":true`))
	sub.push(t, events(13, "13.0", ""))
	s.unsubscribed(sub)
	for i := 0; i < 1+9*3; i++ {
		s.next()
	}
	s.hears("snapshot_end|feed:12")
	s.expect("sub", keysFrom("feed:12"))
}

func TestTheEndOfAWatch(t *testing.T) {
	s := startScript(t)
	for name, want := range map[string]error{
		"its context": context.Canceled, "Close": ErrWatchClosed} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		opened := s.open(ctx, WatchOptions{Kind: WatchKeys})
		sub := s.expect("sub", keysFromNow)
		sub.reply(t, accepted)
		s.w = await(t, "the watch", opened).w
		if s.w == nil {
			t.Fatal(name)
		}
		sub.push(t, events(7, "6.0 7.0", ""))
		s.hears("k6.0|feed:5")
		waits := make(chan error, 2)
		if name == "Close" {
			must(t, s.w.Close())
		} else {
			cancel()
		}
		for i := 0; i < cap(waits); i++ {
			go func() { waits <- second(s.w.Next(context.Background())) }()
		}
		for i := 0; i < cap(waits); i++ {
			if err := await(t, "the end of Next", waits); !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.unsubscribed(sub)
		sub.push(t, events(8, "8.0", "")) // late; finds nobody
		must(t, s.w.Close())
		same(t, name, s.w.Cursor(), Position("feed:5"))
	}
	if _, err := s.c.GetKeys(expired(), CollectionParam{Col: "c"}); err == nil {
		t.Error("it was asked")
	}
	same(t, "subscriptions", len(s.c.feeds), 0)
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestASubscriptionGivenUpBeforeItsReply(t *testing.T) {
	s := startScript(t)
	ctx, cancel := context.WithCancel(context.Background())
	opened := s.open(ctx, WatchOptions{Kind: WatchKeys})
	sub := s.expect("sub", keysFromNow)
	cancel()
	if err := await(t, "the end", opened).err; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.unsubscribed(sub)
	if err := second(s.c.Watch(ctx, WatchOptions{Kind: WatchKeys})); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	same(t, "frames", len(s.f.frames), 0)
}

func TestARequestTimeoutEndsAnAttemptOnly(t *testing.T) {
	s := startScript(t, WithRequestTimeout(2*time.Second))
	opened := s.open(context.Background(), WatchOptions{Kind: WatchKeys})
	sub := s.expect("sub", keysFromNow)
	if err := await(t, "the end", opened).err; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	s.unsubscribed(sub)
	sub = s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	must(t, sub.from.CloseNow())
	sub = s.expect("sub", keysFrom("feed:5")) // has no reply
	s.unsubscribed(sub)
	sub.reply(t, `,"seq":5,"log":"feed"`)
	sub = s.expect("sub", keysFrom("feed:5"))
	sub.reply(t, `,"seq":5,"log":"feed"`)
	sub.push(t, events(6, "6.0", ""))
	s.hears("k6.0|feed:6")
}

func TestRefusalsEndAWatch(t *testing.T) {
	s := startScript(t)
	opened := s.open(context.Background(), WatchOptions{Kind: WatchKeys, Match: "/(/"})
	s.expect("sub", `{"kind":"keys","match":"/(/"}`).reply(t, `,"error":"no","code":"bad_regex"`)
	if err := await(t, "the refusal", opened).err; !errors.Is(err, ErrBadRegex) {
		t.Errorf("%v", err)
	}
	for _, wrong := range []WatchOptions{{Kind: WatchKeys, From: "feed:1", Snapshot: true},
		{Kind: WatchKeys, Match: "\xff"}} {
		if _, err := s.c.Watch(limited(t), wrong); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%v", err)
		}
	}
	for frame, want := range map[string]error{
		events(6, "", `,"code":"forbidden","error":"the scope changed"`): ErrForbidden,
		`"seq":"six"`: nil,
	} {
		sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
		sub.push(t, events(6, "6.0", ""))
		sub.push(t, frame)
		s.hears("k6.0|feed:6")
		_, err := s.w.Next(limited(t))
		if want == nil {
			if err == nil || !strings.Contains(err.Error(), "not understood") {
				t.Errorf("%v", err)
			}
			s.unsubscribed(sub)
		} else if !errors.Is(err, want) {
			t.Errorf("%v", err)
		}
		must(t, s.w.Close())
	}
}

func TestClosingTheClientEndsItsWatches(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	sub.push(t, events(6, "6.0", ""))
	s.cursorStays("feed:5")
	must(t, s.c.Close())
	if _, err := s.w.Next(limited(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := s.c.Watch(limited(t), WatchOptions{Kind: WatchKeys}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	must(t, s.w.Close())
}

func (s *scripted) cursorStays(want Position) {
	s.t.Helper()
	for i := 0; i < 3; i++ {
		same(s.t, "cursor", s.w.Cursor(), want)
	}
}

func TestAContextOfNextEndsOnlyItsWait(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	s.hearsNothing()
	waits := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { waits <- second(s.w.Next(ctx)) }()
	s.hearsNothing() // beside another that waits
	cancel()
	if err := await(t, "the end of Next", waits); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	sub.push(t, events(6, "6.0", ""))
	if _, err := s.w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.hears("k6.0|feed:6")
}

func TestHeads(t *testing.T) {
	for text, want := range map[string]head{
		`{"id":"7","seq":1}`:                         {"7", false},
		`{"seq":{"id":"no"},"id":"7"}`:               {"7", false},
		`{"id":null}`:                                {"", false},
		`{"type":"evt","sub":"7","events":[]}`:       {"7", true},
		`{"events":[{}],"sub":"7","type":"evt"}`:     {"7", true},
		`{"type":{"a":[]},"sub":"7","id":"8"}`:       {"8", false},
		`{"type":"evt","events":[{"id":"7"}],"x":1}`: {"", true},
	} {
		got, err := headOf([]byte(text))
		must(t, err)
		same(t, text, got, want)
	}
	for _, text := range []string{``, `[]`, `{"id":`, `{"type":"evt"`, `{"a":}`, `{"sub":]}`} {
		if got, err := headOf([]byte(text)); err == nil && got != (head{pushed: true}) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

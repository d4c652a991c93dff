package fluxion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// What somebody saw of a server, in order.
type witness struct {
	name    string
	options WatchOptions
	last    func(Event) bool // whether this event is the last one of the test
	begin   Position
	saw     []Event
	opened  int
}

var quick = WithReconnect(time.Millisecond, 10*time.Millisecond, 0)

// Watches until the last event. now and then: as a program that was restarted would.
func (w *witness) follow(ctx context.Context, c *Client, watch *Watcher, restarts *rand.Rand) error {
	for {
		event, err := watch.Next(ctx)
		if err != nil {
			return fmt.Errorf("%s after %d events: %w", w.name, len(w.saw), err)
		}
		w.saw = append(w.saw, event)
		cursor := watch.Cursor()
		if w.last(event) {
			return watch.Close()
		}
		whole := strings.HasSuffix(string(cursor), fmt.Sprint(":", event.Seq))
		if restarts != nil && whole && restarts.Intn(50) == 0 {
			watch.Close()
			options := w.options
			options.From = cursor
			for watch = nil; watch == nil; {
				if watch, err = c.Watch(ctx, options); err != nil && ctx.Err() != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			w.opened++
		}
	}
}

func lastKey(event Event) bool { return event.Key == "last" && event.Op == EventSet }
func lastDoc(event Event) bool { return event.Doc == "last" }

func witnesses() []*witness {
	return []*witness{
		{name: "keys", options: WatchOptions{Kind: WatchKeys}, last: lastKey},
		{name: "all fields", options: WatchOptions{Kind: WatchKeys, Col: "c",
			Fields: []string{"value", "previous", "time", "expires"}}, last: lastKey},
		{name: "some keys", options: WatchOptions{Kind: WatchKeys, Match: "/^(k[0-4]|last)$/",
			Fields: []string{}}, last: lastKey},
		{name: "some values", options: WatchOptions{Kind: WatchKeys, Where: "/[02468]$|last/",
			Filter: "13"}, last: lastKey},
		{name: "a small buffer", options: WatchOptions{Kind: WatchKeys, Buffer: 5}, last: lastKey},
		{name: "documents", options: WatchOptions{Kind: WatchDocs}, last: lastDoc},
		{name: "some documents", options: WatchOptions{Kind: WatchDocs, Match: "/[05]$|last/"},
			last: lastDoc},
	}
}

// Writes what it wants; the values that were acknowledged.
func write(ctx context.Context, c *Client, from, writes int) ([]string, error) {
	var acknowledged []string
	random := rand.New(rand.NewSource(int64(from)))
	for n := 0; n < writes; n++ {
		key, value := fmt.Sprint("k", random.Intn(10)), fmt.Sprintf("v%d-%d", from, n)
		var err error
		switch kind := random.Intn(20); {
		case kind < 11:
			err = c.SetValue(ctx, SetValueParams{Col: "c", Key: key, Value: value})
			if err == nil {
				acknowledged = append(acknowledged, value)
			}
		case kind < 13:
			err = c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: key})
		case kind < 14:
			_, err = c.WriteValues(ctx, "d", []Write{{Op: WriteSet, Key: "a", Value: value + "a"},
				{Op: WriteSet, Key: "k1", Value: value + "b", TTL: Ptr(5 * time.Millisecond)},
				{Op: WriteRemove, Key: key + "x"}})
		case kind < 15:
			err = c.DeleteDocument(ctx, DeleteDocumentParams{Doc: key})
		case kind < 16 && n%10 == 0:
			err = c.DeleteCollection(ctx, DeleteCollectionParams{Col: "d"})
		default:
			records := make([]Record, random.Intn(100))
			for i := range records {
				records[i] = Record{TS: int64(i), Col: "c", Doc: fmt.Sprint("d", i%7, key), Data: value}
			}
			err = c.InsertMultipleRecords(ctx, records)
		}
		if err != nil && !errors.Is(err, ErrConnectionLost) {
			return nil, err
		}
	}
	return acknowledged, nil
}

// Watchers whose connections are cut at random bytes, of a server that is killed, see what one sees
// that looks on undisturbed: every event, once and in order.
func TestWatchersMissNothing(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	s := startServer(t, "--data", t.TempDir(), "--max-queue-events", "50", "--bookmark-interval", "100ms")
	through := startProxy(t, s.address())
	through.cut(func() int { return 700 + random.Intn(1<<(10+random.Intn(11))) })
	heard := &memory{}
	ctx := limited(t)

	all := witnesses()
	ends := make(chan error, len(all))
	for i, w := range all {
		c := newClient(t, through.url(), quick, WithLogger(heard))
		watch, err := c.Watch(ctx, w.options)
		must(t, err)
		w.begin = watch.Cursor()
		var restarts *rand.Rand
		if i%2 == 1 {
			restarts = rand.New(rand.NewSource(seed + int64(i)))
		}
		go func(w *witness) { ends <- w.follow(ctx, c, watch, restarts) }(w)
	}

	direct := s.client(quick)
	var writers sync.WaitGroup
	results := make(chan []string, 4)
	for i := 0; i < cap(results); i++ {
		writers.Add(1)
		go func(from int) {
			defer writers.Done()
			acknowledged, err := write(ctx, direct, from, 400)
			if err != nil {
				t.Error(err)
			}
			results <- acknowledged
		}(i)
	}
	for kills := 0; kills < 3; kills++ {
		for before := direct.Position(); direct.Position() == before; time.Sleep(50 * time.Millisecond) {
			must(t, ctx.Err())
		}
		s.kill()
		s.start()
	}
	writers.Wait()
	for err := errors.New(""); err != nil; must(t, ctx.Err()) {
		err = direct.InsertSingleDocumentRecord(ctx, Record{Doc: "last", Data: "last", Col: "c"})
		if err == nil {
			err = direct.SetValue(ctx, SetValueParams{Col: "c", Key: "last", Value: "last"})
		}
	}
	for range all {
		must(t, await(t, "the last event", ends))
	}

	restarted, total := 0, 0
	for _, w := range all {
		undisturbed := &witness{name: w.name, options: w.options, last: w.last}
		undisturbed.options.From = w.begin
		c := s.client()
		watch, err := c.Watch(ctx, undisturbed.options)
		must(t, err)
		must(t, undisturbed.follow(ctx, c, watch, nil))
		if at := firstDifference(w.saw, undisturbed.saw); at >= 0 {
			t.Errorf("%s: saw %d events, want %d; different from %d on:\n%s\n%s", w.name,
				len(w.saw), len(undisturbed.saw), at, inJSON(w.saw, at), inJSON(undisturbed.saw, at))
		}
		restarted, total = restarted+w.opened, total+len(w.saw)
	}
	acknowledgedWereSeen(t, results, all[0].saw)
	cuts := through.countCuts()
	t.Logf("%d events; %d connections cut, %d restarts of watchers, %d evictions", total,
		cuts, restarted, strings.Count(heard.text(), "evicted"))
	if cuts < 10 || restarted < 3 {
		t.Errorf("%d cuts, %d restarts: nothing was tested", through.cuts, restarted)
	}
}

// -1: there is none.
func firstDifference(got, want []Event) int {
	for i := range got {
		if i == len(want) || !reflect.DeepEqual(got[i], want[i]) {
			return i
		}
	}
	if len(got) < len(want) {
		return len(got)
	}
	return -1
}

func inJSON(events []Event, at int) string {
	if at >= len(events) {
		return "none"
	}
	text, err := json.Marshal(events[at])
	return fmt.Sprint(string(text), " ", err)
}

func acknowledgedWereSeen(t *testing.T, results chan []string, saw []Event) {
	t.Helper()
	seen := map[string]int{}
	before := place{-1, 0}
	for _, event := range saw {
		if event.Col == "c" {
			seen[event.Value]++
		}
		at := place{event.Seq, event.I}
		if at.seq < before.seq || at.seq == before.seq && at.i <= before.i {
			t.Fatalf("%v after %v", at, before)
		}
		before = at
	}
	count := 0
	for i := 0; i < cap(results); i++ {
		for _, value := range <-results {
			if count++; seen[value] != 1 {
				t.Errorf("%s was seen %d times", value, seen[value])
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d values were acknowledged", count)
	}
}

// What a snapshot and the changes after it say is what there is.
func TestASnapshotAndItsChangesAreTheState(t *testing.T) {
	s, ctx := startServer(t), limited(t)
	direct := s.client()
	writes := make([]Write, 1000)
	for i := range writes {
		writes[i] = Write{Op: WriteSet, Key: fmt.Sprint("key-", i), Value: strings.Repeat("x", 100)}
	}
	must(t, second(direct.WriteValues(ctx, "c", writes)))
	through := startProxy(t, s.address())
	random := rand.New(rand.NewSource(1))
	least := 30_000 // amid the first snapshot
	through.cut(func() int {
		defer func() { least = 200_000 }()
		return least + random.Intn(least)
	})
	c := newClient(t, through.url(), quick)
	watch, err := c.Watch(ctx, WatchOptions{Kind: WatchKeys, Col: "c", Snapshot: true, Buffer: 10})
	must(t, err)
	wrote := make(chan error, 1)
	go func() {
		for i := 0; i < 2000; i++ {
			key := fmt.Sprint("key-", i*7%1500)
			var err error
			if i%3 == 0 {
				err = direct.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: key})
			} else {
				err = direct.SetValue(ctx, SetValueParams{Col: "c", Key: key, Value: fmt.Sprint(i)})
			}
			if err != nil {
				wrote <- err
				return
			}
		}
		wrote <- direct.SetValue(ctx, SetValueParams{Col: "c", Key: "last"})
	}()
	var state map[string]string
	begins, ends, restarted := 0, 0, false
	for key := ""; key != "last"; {
		event, err := watch.Next(ctx)
		must(t, err)
		key = event.Key
		switch event.Op {
		case EventSnapshotBegin:
			state, begins, restarted = map[string]string{}, begins+1, event.Restarted
		case EventSnapshotEnd:
			ends++
		case EventSet:
			state[key] = event.Value
		case EventRemoved:
			delete(state, key)
		default:
			t.Fatalf("%+v", event)
		}
	}
	must(t, <-wrote)
	want, err := direct.GetValues(ctx, GetValuesParams{Col: "c"})
	must(t, err)
	if !reflect.DeepEqual(state, want) {
		t.Errorf("%d keys, want %d", len(state), len(want))
	}
	if begins < 1 || ends != 1 || restarted != (begins > 1) {
		t.Errorf("%d begins, %d ends, restarted %v", begins, ends, restarted)
	}
	t.Logf("%d begins, %d cuts", begins, through.countCuts())
}

func TestAnotherHistoryIsAGap(t *testing.T) {
	s, ctx := startServer(t), limited(t) // in memory: every start is another history
	c := s.client(quick)
	must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "gone", Value: "v"}))
	strict, err := c.Watch(ctx, WatchOptions{Kind: WatchKeys})
	must(t, err)
	lenient, err := c.Watch(ctx, WatchOptions{Kind: WatchKeys, OnGap: TakeSnapshot})
	must(t, err)
	before := lenient.Cursor()
	if before != c.Position() {
		t.Errorf("%s, want %s", before, c.Position())
	}
	s.kill()
	s.start()
	var gap *GapError
	if _, err := strict.Next(ctx); !errors.As(err, &gap) || gap.Oldest == "" {
		t.Errorf("%v", err)
	}
	for _, want := range []EventOp{EventGap, EventSnapshotBegin, EventSnapshotEnd} {
		event, err := lenient.Next(ctx)
		must(t, err)
		same(t, "event", event.Op, want)
	}
	must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "new", Value: "v"}))
	event, err := lenient.Next(ctx)
	must(t, err)
	same(t, "key", event.Key, "new")
	same(t, "cursor", lenient.Cursor(), c.Position())
	if _, err := c.Watch(ctx, WatchOptions{Kind: WatchKeys, From: before}); !errors.Is(err, ErrGap) {
		t.Errorf("%v", err)
	}
	// What the server says is oldest can be had.
	oldest, err := c.Watch(ctx, WatchOptions{Kind: WatchKeys, From: gap.Oldest})
	must(t, err)
	event, err = oldest.Next(ctx)
	must(t, err)
	same(t, "key", event.Key, "new")
}

func TestTheServerForgetsClosedWatches(t *testing.T) {
	s, ctx := startServer(t, "--max-subscriptions", "2"), limited(t)
	c := s.client()
	for i := 0; i < 20; i++ {
		own, cancel := context.WithCancel(ctx)
		one, err := c.Watch(own, WatchOptions{Kind: WatchKeys})
		must(t, err)
		two, err := c.Watch(ctx, WatchOptions{Kind: WatchDocs})
		must(t, err)
		if err := second(c.Watch(ctx, WatchOptions{Kind: WatchDocs})); !errors.Is(err, ErrTooMany) {
			t.Errorf("%v", err)
		}
		cancel()
		must(t, one.Close())
		must(t, two.Close())
	}
	for _, wrong := range []WatchOptions{{}, {Kind: "sql"}, {Kind: WatchKeys, Fields: []string{"no"}}} {
		if err := second(c.Watch(ctx, wrong)); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

func TestHistoryOfAKey(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	got, err := c.History(ctx, "c", "k", HistoryOptions{})
	must(t, err)
	same(t, "nothing", got, ValueHistory{Versions: []ValueVersion{}})
	for i := 1; i < 4; i++ {
		must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: fmt.Sprint("v", i)}))
	}
	must(t, c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: "k"}))
	got, err = c.History(ctx, "c", "k", HistoryOptions{Limit: 2, Before: 4})
	must(t, err)
	for i := range got.Versions {
		if version := &got.Versions[i]; version.Time < 1_600_000_000_000 || version.Seq < 1 {
			t.Errorf("%+v", version)
		} else {
			version.Time, version.Seq = 0, 0
		}
	}
	same(t, "history", got, ValueHistory{More: true, Versions: []ValueVersion{
		{Ver: 3, Op: EventSet, Value: "v3"}, {Ver: 2, Op: EventSet, Value: "v2"}}})
	got, err = c.History(ctx, "c", "k", HistoryOptions{})
	must(t, err)
	if len(got.Versions) != 4 || got.Versions[0].Op != EventRemoved || got.More {
		t.Errorf("%+v", got)
	}
}

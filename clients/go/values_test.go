package fluxion

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func conflictOf(t *testing.T, err error) ConflictError {
	t.Helper()
	var conflict *ConflictError
	var refusal *Error
	if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) ||
		!errors.As(err, &refusal) || refusal.Code != ErrConflict {
		t.Fatalf("%v", err)
	}
	found := *conflict
	found.refusal = nil
	return found
}

func entry(t *testing.T, c *Client, key string) string {
	t.Helper()
	got, err := c.GetEntry(limited(t), GetValueParams{Col: "c", Key: key})
	must(t, err)
	return fmt.Sprint(got.Value, " ", got.Found, " ", got.Ver)
}

func TestConditionalWrites(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	params := SetValueParams{Col: "c", Key: "k", Value: "one"}
	must(t, c.SetValue(ctx, params, WithVersion(0)))
	err := c.SetValue(ctx, params, WithVersion(0))
	same(t, "exists", conflictOf(t, err), ConflictError{Key: "k", Version: 1, Found: true, Value: "one"})
	same(t, "text", err.Error(), `fluxion: sval: `+errors.Unwrap(err).(*Error).Message+
		` (conflict); "k" has version 1`)
	params.Value = "two"
	must(t, c.SetValue(ctx, params, WithVersion(1)))
	same(t, "entry", entry(t, c, "k"), "two true 2")

	params.Ver = Ptr(int64(1)) // the field is the same condition; an option wins
	conflictOf(t, c.SetValue(ctx, params))
	conflictOf(t, c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: "k", Ver: params.Ver}))
	conflictOf(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Ver: Ptr(int64(2))}, WithVersion(1)))
	ver, err := c.CompareAndSet(ctx, "c", "k", "three", 2)
	must(t, err)
	same(t, "version", ver, int64(3))
	_, err = c.CompareAndSet(ctx, "c", "k", "lost", 2, WithTTL(time.Millisecond), WithVersion(3))
	same(t, "older", conflictOf(t, err), ConflictError{Key: "k", Version: 3, Found: true, Value: "three"})

	err = c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: "k"}, WithVersion(2))
	same(t, "delete", conflictOf(t, err), ConflictError{Key: "k", Version: 3, Found: true, Value: "three"})
	must(t, c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: "k"}, WithVersion(3)))
	must(t, c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: "k"}))
	_, err = c.PatchValue(ctx, "c", "k", "{}", WithVersion(3))
	same(t, "removed", conflictOf(t, err), ConflictError{Key: "k", Version: 4})
	ver, err = c.CompareAndSet(ctx, "c", "k", "", 0)
	must(t, err)
	same(t, "version goes on", ver, int64(5))
	same(t, "entry", entry(t, c, "k"), " true 5")
}

func TestPatches(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	type profile struct {
		Name string `json:"name"`
		Age  *int   `json:"age"`
	}
	for i, step := range []struct {
		patch   any
		options []PatchOption
		want    string
	}{
		{map[string]any{"a": 1}, nil, `{"a":1}`},
		{`{"b":9007199254740993,"c":1.50}`, nil, `{"a":1,"b":9007199254740993,"c":1.50}`},
		{[]byte(`{"a":null}`), []PatchOption{WithDeleteNulls()}, `{"b":9007199254740993,"c":1.50}`},
		{json.RawMessage(`{"b":{"x":"<&>"}}`), nil, `{"b":{"x":"<&>"},"c":1.50}`},
		{profile{Name: "<&>"}, []PatchOption{WithVersion(4)},
			`{"b":{"x":"<&>"},"c":1.50,"name":"<&>","age":null}`},
		{nil, nil, `null`},
		{[]int{1}, nil, `[1]`},
	} {
		ver, err := c.PatchValue(ctx, "c", "k", step.patch, step.options...)
		must(t, err)
		same(t, "version", ver, int64(i+1))
		same(t, "entry", entry(t, c, "k"), fmt.Sprint(step.want, " true ", i+1))
	}
	for _, wrong := range []any{"", "{", "\xff", func() {}, make(chan int)} {
		if err := second(c.PatchValue(ctx, "c", "k", wrong)); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: "no JSON"}))
	if err := second(c.PatchValue(ctx, "c", "k", "{}")); !errors.Is(err, ErrBadRequest) {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	gone := func(key string) {
		t.Helper()
		for found := true; found; {
			got, err := c.GetEntry(ctx, GetValueParams{Col: "c", Key: key})
			must(t, err)
			found = got.Found
		}
	}
	params := SetValueParams{Col: "c", Key: "k", Value: "{}"}
	must(t, c.SetValue(ctx, params, WithTTL(time.Nanosecond))) // not for ever
	gone("k")
	must(t, c.SetValue(ctx, params, WithVersion(0), WithTTL(time.Hour)))
	must(t, second(c.PatchValue(ctx, "c", "k", "{}", WithTTL(time.Millisecond))))
	gone("k")
	must(t, second(c.CompareAndSet(ctx, "c", "k", "v", 0, WithTTL(time.Millisecond))))
	gone("k")
	for _, err := range []error{c.SetValue(ctx, params, WithTTL(-time.Second)),
		second(c.PatchValue(ctx, "c", "k", "{}", WithTTL(-time.Second)))} {
		if !errors.Is(err, ErrBadRequest) {
			t.Errorf("%v", err)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for given, want := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1,
		time.Millisecond + 1: 2, 1<<63 - 1: 9223372036855, -1: -1, -time.Second: -1000} {
		same(t, given.String(), milliseconds(given), want)
	}
}

func TestSeveralWritesAtOnce(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	vers, err := c.WriteValues(ctx, "c", []Write{{Op: WriteSet, Key: "empty"},
		{Op: WriteSet, Key: "a", Value: `{"x":1,"y":2}`, Version: Ptr(int64(0))}})
	must(t, err)
	same(t, "versions", vers, map[string]int64{"empty": 1, "a": 1})
	same(t, "empty", entry(t, c, "empty"), " true 1")
	vers, err = c.WriteValues(ctx, "c", []Write{
		{Op: WritePatch, Key: "a", Value: `{"x":null}`, Version: Ptr(int64(1)), DeleteNulls: true},
		{Op: WriteRemove, Key: "empty"},
		{Op: WriteCheck, Key: "absent", Version: Ptr(int64(0))},
		{Op: WriteSet, Key: "short", Value: "v", TTL: Ptr(time.Hour)}})
	must(t, err)
	same(t, "a", entry(t, c, "a"), `{"y":2} true 2`)
	same(t, "versions", [2]int64{vers["a"], vers["short"]}, [2]int64{2, 1})
	_, err = c.WriteValues(ctx, "c", []Write{{Op: WriteSet, Key: "b", Value: "never"},
		{Op: WriteCheck, Key: "a", Version: Ptr(int64(1))}})
	same(t, "conflict", conflictOf(t, err),
		ConflictError{Key: "a", Version: 2, Found: true, Value: `{"y":2}`})
	same(t, "b", entry(t, c, "b"), " false 0")
	if _, err = c.WriteValues(ctx, "c", []Write{{Op: "no", Key: "b"}}); !errors.Is(err, ErrBadRequest) {
		t.Error(err)
	}
}

func TestCompareAndSetCountsRight(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for done := 0; done < 25; {
				got, err := c.GetEntry(ctx, GetValueParams{Col: "c", Key: "n"})
				n := 0
				if err == nil && got.Found {
					err = json.Unmarshal([]byte(got.Value), &n)
				}
				if err == nil {
					_, err = c.CompareAndSet(ctx, "c", "n", fmt.Sprint(n+1), got.Ver)
				}
				if err == nil {
					done++
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err)
					return
				}
			}
		}()
	}
	all.Wait()
	same(t, "entry", entry(t, c, "n"), "200 true 200")
}

func TestHistory(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url)
	got := make(chan ValueHistory, 1)
	ask := func(options HistoryOptions) {
		history, err := c.History(limited(t), "c", "k", options)
		if err != nil {
			t.Error(err)
		}
		got <- history
	}
	go ask(HistoryOptions{Limit: 2, Before: 9})
	asked := await(t, "a frame", f.frames)
	same(t, "data", string(asked.Data), `{"col":"c","key":"k","limit":2,"before":9}`)
	asked.reply(t, `,"versions":[{"ver":8,"op":"removed","seq":71,"time":1700000000001},
		{"ver":7,"op":"set","value":"v","expires":1700000000500,"seq":70,"time":1700000000000}],"more":true`)
	same(t, "history", await(t, "a reply", got), ValueHistory{More: true, Versions: []ValueVersion{
		{Ver: 8, Op: EventRemoved, Seq: 71, Time: 1700000000001},
		{Ver: 7, Op: EventSet, Value: "v", Expires: 1700000000500, Seq: 70, Time: 1700000000000}}})
	go ask(HistoryOptions{})
	asked = await(t, "a frame", f.frames)
	same(t, "data", string(asked.Data), `{"col":"c","key":"k"}`)
	asked.reply(t, `,"versions":[],"more":false`)
	same(t, "history", await(t, "a reply", got), ValueHistory{Versions: []ValueVersion{}})
}

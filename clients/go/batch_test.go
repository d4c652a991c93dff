package fluxion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"
)

func numbered(ts int64) Record {
	return Record{TS: ts, Doc: "d", Data: fmt.Sprint("data ", ts), Col: "c"}
}

// Inserts each by a call of its own; what they return, by timestamp.
func insertEach(t *testing.T, c *Client, records ...Record) map[int64]chan error {
	results := map[int64]chan error{}
	for _, record := range records {
		record, result := record, make(chan error, 1)
		results[record.TS] = result
		go func() { result <- c.InsertSingleDocumentRecord(limited(t), record) }()
	}
	return results
}

func timestampsOf(t *testing.T, got frame) (timestamps []int64) {
	t.Helper()
	same(t, "type", got.Type, "ins")
	var records []Record
	must(t, json.Unmarshal(got.Data, &records))
	for _, record := range records {
		timestamps = append(timestamps, record.TS)
		if !strings.HasPrefix(record.Data, fmt.Sprint("data ", record.TS)) {
			t.Errorf("%+v", record)
		}
	}
	return timestamps
}

func TestInsertsAreJoined(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithInsertBatching(4, time.Hour))
	var records []Record
	for ts := int64(0); ts < 12; ts++ {
		records = append(records, numbered(ts))
	}
	results := insertEach(t, c, records...)
	seen := map[int64]bool{}
	for i := 0; i < 3; i++ { // a full message does not wait
		got := await(t, "a frame", f.frames)
		timestamps := timestampsOf(t, got)
		same(t, "records", len(timestamps), 4)
		for _, ts := range timestamps {
			seen[ts] = true
		}
		got.reply(t, `,"seq":1`)
	}
	same(t, "records", len(seen), 12)
	for _, result := range results {
		must(t, await(t, "an insert", result))
	}
}

func TestWithoutBatchingInsertsAreNotJoined(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url)
	results := insertEach(t, c, numbered(1), numbered(2), numbered(3))
	for range results {
		got := await(t, "a frame", f.frames)
		same(t, "records", len(timestampsOf(t, got)), 1)
		got.reply(t, `,"seq":1`)
	}
	for _, result := range results {
		must(t, await(t, "an insert", result))
	}
}

func TestAJoinedMessageIsBoundedInBytes(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithInsertBatching(1000, time.Hour))
	var large []Record
	for ts := int64(0); ts < 4; ts++ { // two of them fit, a third does not
		record := numbered(ts)
		record.Data += strings.Repeat("x", maxBatchBytes*2/5)
		large = append(large, record)
	}
	results := insertEach(t, c, large...)
	expect := func(wanted int) {
		t.Helper()
		got := await(t, "a frame", f.frames)
		same(t, "records", len(timestampsOf(t, got)), wanted)
		got.reply(t, `,"seq":1`)
	}
	expect(2)
	waitForQueue(t, c, 2)
	huge := numbered(9)
	huge.Data += strings.Repeat("y", maxBatchBytes*2)
	results[9] = insertEach(t, c, huge)[9]
	expect(2) // the huge one cannot join them
	expect(1) // it goes, though too large by itself
	for _, result := range results {
		must(t, await(t, "an insert", result))
	}
}

func TestOtherRequestsGoAfterEarlierInserts(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithInsertBatching(1000, time.Hour))
	results := insertEach(t, c, numbered(1), numbered(2))
	waitForQueue(t, c, 2)
	read := make(chan error, 1)
	go func() { read <- second(c.GetKeys(limited(t), CollectionParam{Col: "c"})) }()
	first := await(t, "a frame", f.frames)
	same(t, "records", len(timestampsOf(t, first)), 2) // the read does not let them wait
	next := await(t, "a frame", f.frames)
	same(t, "type", next.Type, "gkeys")
	first.reply(t, `,"seq":1`)
	next.reply(t, `,"keys":[]`)
	must(t, await(t, "the read", read))
	for _, result := range results {
		must(t, await(t, "an insert", result))
	}
}

func waitForQueue(t *testing.T, c *Client, wanted int) {
	t.Helper()
	for begun := time.Now(); ; {
		c.mu.Lock()
		found := len(c.queue)
		c.mu.Unlock()
		if found == wanted {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("%d in the queue", found)
		}
	}
}

func TestADelayedInsertGoesByItself(t *testing.T) {
	c := startServer(t).client(WithInsertBatching(1000, 5*time.Millisecond))
	for ts := int64(1); ts <= 3; ts++ {
		must(t, c.InsertSingleDocumentRecord(limited(t), numbered(ts)))
	}
}

func TestACancelledInsertIsNotSent(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithInsertBatching(2, time.Hour))
	ctx, cancel := context.WithCancel(limited(t))
	given := make(chan error, 1)
	go func() { given <- c.InsertSingleDocumentRecord(ctx, numbered(1)) }()
	waitForQueue(t, c, 1)
	cancel()
	err := await(t, "the end", given)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not sent") {
		t.Errorf("%v", err)
	}
	results := insertEach(t, c, numbered(2), numbered(3))
	got := await(t, "a frame", f.frames)
	same(t, "records", len(timestampsOf(t, got)), 2)
	if strings.Contains(string(got.Data), "data 1") {
		t.Errorf("%s", got.Data)
	}
	got.reply(t, `,"seq":1`)
	for _, result := range results {
		must(t, await(t, "an insert", result))
	}
}

func TestEachCallIsRefusedByItself(t *testing.T) {
	s := startServer(t, "--max-name-bytes", "10", "--max-collections", "1")
	c := s.client(WithInsertBatching(3, time.Hour))
	must(t, c.SetValue(limited(t), SetValueParams{Col: "c", Key: "k", Value: "v"}))
	empty, long, elsewhere := numbered(10), numbered(20), numbered(30)
	empty.Data, long.Doc, elsewhere.Col = "", strings.Repeat("n", 11), "another"
	var want []RecordResponse
	for code, bad := range map[ErrorCode]Record{ErrBadRequest: empty, ErrTooLarge: long,
		ErrTooMany: elsewhere} {
		before, after := numbered(bad.TS-1), numbered(bad.TS+1)
		results := insertEach(t, c, before, bad, after)
		must(t, await(t, "an insert", results[before.TS]))
		must(t, await(t, "an insert", results[after.TS]))
		if err := await(t, "an insert", results[bad.TS]); !errors.Is(err, code) {
			t.Errorf("%v, want %s", err, code)
		}
		want = append(want, RecordResponse{before.TS, before.Data},
			RecordResponse{after.TS, after.Data})
	}
	sort.Slice(want, func(i, j int) bool { return want[i].TS < want[j].TS })
	stored, err := c.FetchDocument(limited(t), FetchRecordsParams{Col: "c", Doc: "d", To: 99})
	must(t, err)
	same(t, "stored", stored, want)
}

func TestAJoinedMessageThatIsBadJSONIsSplit(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithInsertBatching(2, time.Hour))
	results := insertEach(t, c, numbered(1), numbered(2))
	joined := await(t, "a frame", f.frames)
	same(t, "records", len(timestampsOf(t, joined)), 2)
	joined.reply(t, `,"error":"no JSON","code":"bad_json"`)
	for range results {
		alone := await(t, "a part", f.frames)
		timestamps := timestampsOf(t, alone)
		same(t, "records", len(timestamps), 1)
		if timestamps[0] == 1 {
			alone.reply(t, `,"error":"no JSON","code":"bad_json"`)
		} else {
			alone.reply(t, `,"seq":1`)
		}
	}
	if err := await(t, "an insert", results[1]); !errors.Is(err, ErrBadJSON) {
		t.Errorf("%v", err)
	}
	must(t, await(t, "an insert", results[2]))
}

func TestJoinedInsertsStayBelowMaxMessageBytes(t *testing.T) {
	s := startServer(t, "--max-message", "64KiB")
	through := startProxy(t, s.address())
	c := newClient(t, through.url(), WithInsertBatching(1000, time.Millisecond),
		WithMaxMessageBytes(64<<10))
	var records []Record
	for ts := int64(0); ts < 300; ts++ {
		record := numbered(ts)
		record.Data += strings.Repeat("x", 1000)
		records = append(records, record)
	}
	for _, result := range insertEach(t, c, records...) {
		must(t, await(t, "an insert", result))
	}
	same(t, "connections", len(through.arrivals), 1)
}

func TestAJoinedMessageOfALostConnectionIsNotSentAgain(t *testing.T) {
	f := startFake(t)
	c := newClient(t, f.url, WithInsertBatching(2, time.Hour),
		WithReconnect(time.Millisecond, time.Millisecond, 0))
	results := insertEach(t, c, numbered(1), numbered(2))
	await(t, "a frame", f.frames).from.CloseNow()
	for _, result := range results {
		if err := await(t, "an end", result); !errors.Is(err, ErrConnectionLost) {
			t.Errorf("%v", err)
		}
	}
	await(t, "a connection", f.arrivals)
	await(t, "another connection", f.arrivals)
	same(t, "frames", len(f.frames), 0)
}

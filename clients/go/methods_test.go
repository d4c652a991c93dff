package fluxion

import (
	"context"
	"errors"
	"math"
	"reflect"
	"sort"
	"strings"
	"testing"
)

func insert(t *testing.T, c *Client, records ...Record) {
	t.Helper()
	must(t, c.InsertMultipleRecords(limited(t), records))
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %#v, want %#v", what, got, want)
	}
}

func TestRecords(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	insert(t, c, Record{TS: 10, Doc: "a", Data: "one", Col: "s"},
		Record{TS: 20, Doc: "a", Data: "two", Col: "s"},
		Record{TS: 15, Doc: "b", Data: "three", Col: "s"})
	must(t, c.InsertSingleDocumentRecord(ctx, Record{TS: 5, Doc: "a", Data: "zero", Col: "other"}))
	must(t, c.InsertMultipleRecords(ctx, nil))

	collections, err := c.FetchCollections(ctx)
	must(t, err)
	sort.Strings(collections)
	same(t, "collections", collections, []string{"other", "s"})

	one, two, three := RecordResponse{10, "one"}, RecordResponse{20, "two"},
		RecordResponse{15, "three"}
	for name, test := range map[string]struct {
		params FetchLatestRecordsParams
		want   map[string]RecordResponse
	}{
		"all":     {QryRequest{TS: 99}, map[string]RecordResponse{"a": two, "b": three}},
		"earlier": {QryRequest{TS: 19}, map[string]RecordResponse{"a": one, "b": three}},
		"one":     {QryRequest{TS: 99, Doc: "b"}, map[string]RecordResponse{"b": three}},
		"pattern": {QryRequest{TS: 99, Doc: "/^A$/i"}, map[string]RecordResponse{"a": two}},
		"from": {QryRequest{TS: 99, From: Ptr(int64(16))},
			map[string]RecordResponse{"a": two}},
		"from 0": {QryRequest{TS: 19, From: Ptr(int64(0)), Doc: "a"},
			map[string]RecordResponse{"a": one}},
		"where": {QryRequest{TS: 99, Where: "th"}, map[string]RecordResponse{"b": three}},
		"filter": {QryRequest{TS: 99, Filter: "/^t.o$/"},
			map[string]RecordResponse{"b": three}},
		"before them": {QryRequest{TS: 1}, map[string]RecordResponse{}},
	} {
		test.params.Col = "s"
		got, err := c.FetchLatestRecords(ctx, test.params)
		must(t, err)
		same(t, name, got, test.want)
	}
	for name, test := range map[string]struct {
		params FetchRecordsParams
		want   []RecordResponse
	}{
		"all":      {QdocRequest{To: 99}, []RecordResponse{one, two}},
		"from, to": {QdocRequest{From: Ptr(int64(11)), To: 20}, []RecordResponse{two}},
		"reverse":  {QdocRequest{To: 99, Reverse: Ptr(true)}, []RecordResponse{two, one}},
		"limit":    {QdocRequest{To: 99, Limit: Ptr(1)}, []RecordResponse{one}},
		"no limit": {QdocRequest{To: 99, Limit: Ptr(0)}, []RecordResponse{one, two}},
		"where":    {QdocRequest{To: 99, Where: "/w/"}, []RecordResponse{two}},
		"filter":   {QdocRequest{To: 99, Filter: "w"}, []RecordResponse{one}},
	} {
		test.params.Col, test.params.Doc = "s", "a"
		got, err := c.FetchDocument(ctx, test.params)
		must(t, err)
		same(t, name, got, test.want)
	}
}

func TestDeletes(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	timestamps := func() (left []int64) {
		records, err := c.FetchDocument(ctx, FetchRecordsParams{Col: "s", Doc: "a", To: 99})
		must(t, err)
		for _, record := range records {
			left = append(left, record.TS)
		}
		return left
	}
	for ts := int64(1); ts <= 8; ts++ {
		insert(t, c, Record{TS: ts, Doc: "a", Data: "x", Col: "s"},
			Record{TS: ts, Doc: "a", Data: "x", Col: "r"},
			Record{TS: ts, Doc: "b", Data: "x", Col: "r"})
	}
	steps := []struct {
		name string
		do   func() error
		want []int64
	}{
		{"one record", func() error {
			return c.DeleteDocumentRecord(ctx, DeleteRecord{Col: "s", Doc: "a", TS: 1})
		}, []int64{2, 3, 4, 5, 6, 7, 8}},
		{"several", func() error {
			return c.DeleteMultipleRecords(ctx, []DeleteRecord{{Col: "s", Doc: "a", TS: 3},
				{Col: "s", Doc: "a", TS: 8}, {Col: "r", Doc: "a", TS: 8}})
		}, []int64{2, 4, 5, 6, 7}},
		{"none", func() error { return c.DeleteMultipleRecords(ctx, nil) },
			[]int64{2, 4, 5, 6, 7}},
		{"a range", func() error {
			return c.DeleteRecordsRange(ctx,
				DeleteRecordsRange{Col: "s", Doc: "a", FromTS: 4, ToTS: 6})
		}, []int64{2, 7}},
		{"the document elsewhere", func() error {
			return c.DeleteDocument(ctx, DeleteDocumentParams{Doc: "a", Col: "r"})
		}, []int64{2, 7}},
		{"the document everywhere", func() error {
			return c.DeleteDocument(ctx, DeleteDocumentParams{Doc: "a"})
		}, nil},
	}
	for _, step := range steps {
		must(t, step.do())
		same(t, step.name, timestamps(), step.want)
	}
	must(t, c.DeleteCollection(ctx, DeleteCollectionParams{Col: "r"}))
	collections, err := c.FetchCollections(ctx)
	must(t, err)
	same(t, "collections", collections, []string{})
}

func TestValues(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	for _, pair := range [][2]string{{"theme", "dark"}, {"size", "12"}, {"empty", ""},
		{"theme", "light"}} {
		must(t, c.SetValue(ctx, SetValueParams{Col: "config", Key: pair[0], Value: pair[1]}))
	}
	for key, want := range map[string]Entry{"theme": {Value: "light", Found: true, Ver: 2},
		"empty": {Found: true, Ver: 1}, "none": {}} {
		entry, err := c.GetEntry(ctx, GetValueParams{Col: "config", Key: key})
		must(t, err)
		same(t, key, entry, want)
		value, err := c.GetValue(ctx, GetValueParams{Col: "config", Key: key})
		must(t, err)
		same(t, key, value, want.Value)
	}
	all := map[string]string{"theme": "light", "size": "12", "empty": ""}
	for name, test := range map[string]struct {
		key  *string
		want map[string]string
	}{
		"all": {nil, all}, "empty": {Ptr(""), all},
		"literal": {Ptr("size"), map[string]string{"size": "12"}},
		"pattern": {Ptr("/^T/i"), map[string]string{"theme": "light"}},
		"nothing": {Ptr("other"), map[string]string{}},
	} {
		got, err := c.GetValues(ctx, GetValuesParams{Col: "config", Key: test.key})
		must(t, err)
		same(t, name, got, test.want)
	}
	must(t, c.DeleteValue(ctx, DeleteValueParams{Col: "config", Key: "size"}))
	keys, err := c.GetKeys(ctx, CollectionParam{Col: "config"})
	must(t, err)
	sort.Strings(keys)
	same(t, "keys", keys, []string{"empty", "theme"})
}

func TestAPIKeysAndConnections(t *testing.T) {
	s := startServer(t)
	c, ctx := s.client(WithConnectionName("the master & co")), limited(t)
	reply, err := c.AddAPIKey(ctx, "a-key-for-dashboards", "Read-Only")
	must(t, err)
	same(t, "scope", reply.Scope, ScopeReadonly)
	keys, err := c.ListAPIKeys(ctx)
	must(t, err)
	var scopes []Scope
	for _, key := range keys {
		scopes = append(scopes, key.Scope)
		if strings.Contains(key.Key, "dashboards") || key.Deletable != (key.Scope != ScopeMaster) {
			t.Errorf("key %+v", key)
		}
	}
	same(t, "scopes", len(scopes), 2)

	reader := s.client(WithKeyProvider(func(context.Context) (string, error) {
		return "a-key-for-dashboards", nil
	}))
	must(t, reader.Connect(ctx))
	connections, err := c.GetConnections(ctx)
	must(t, err)
	named, unnamed := 0, 0
	for _, connection := range connections {
		switch {
		case connection.Name == nil && !connection.Self:
			unnamed++
		case *connection.Name == "the master & co" && connection.Self && connection.IP != "" &&
			connection.Since >= 0:
			named++
		}
	}
	same(t, "connections", []int{len(connections), named, unnamed}, []int{2, 1, 1})

	_, err = c.RemoveAPIKey(ctx, "a-key-for-dashboards")
	must(t, err)
	// Its connection ends at once, and the next one is refused.
	for err = nil; err == nil || errors.Is(err, ErrConnectionLost); {
		_, err = reader.FetchCollections(ctx)
	}
	if !errors.Is(err, ErrUnauthorized) {
		t.Errorf("%v", err)
	}
}

func TestIntegersAreExact(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	exact := []int64{math.MinInt64, -(1<<53 + 1), -1, 0, 1<<53 + 1, math.MaxInt64}
	var want []RecordResponse
	for _, ts := range exact {
		insert(t, c, Record{TS: ts, Doc: "d", Data: "x", Col: "c"})
		want = append(want, RecordResponse{ts, "x"})
	}
	all := FetchRecordsParams{Col: "c", Doc: "d", To: math.MaxInt64}
	got, err := c.FetchDocument(ctx, all)
	must(t, err)
	same(t, "all", got, want)
	// A From of 0 is not the beginning.
	all.From = Ptr(int64(0))
	got, err = c.FetchDocument(ctx, all)
	must(t, err)
	same(t, "from 0", got, want[3:])
	latest, err := c.FetchLatestRecords(ctx, FetchLatestRecordsParams{Col: "c", TS: 1<<53 + 1})
	must(t, err)
	same(t, "latest", latest["d"].TS, int64(1<<53+1))
}

func TestTextsAreByteForByte(t *testing.T) {
	c, ctx := startServer(t).client(), limited(t)
	texts := []string{"\x00", `"\`, "a\nb\t\x7f", "<&>", "\u2028", "\ufffd", `\ufffd`, `\\ufffd`,
		"ü€😀", `{"a":"b"}`, strings.Repeat("0123456789abcdef", 200_000)}
	for _, text := range texts {
		insert(t, c, Record{TS: 1, Doc: "d", Data: text, Col: "c"})
		must(t, c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: text}))
		latest, err := c.FetchLatestRecords(ctx, FetchLatestRecordsParams{Col: "c", TS: 1})
		must(t, err)
		value, err := c.GetValue(ctx, GetValueParams{Col: "c", Key: "k"})
		must(t, err)
		if latest["d"].Data != text || value != text {
			t.Errorf("%.20q came back as %.20q and %.20q", text, latest["d"].Data, value)
		}
	}
	for _, text := range []string{"\xff", "ok\xc3", "\\\xff", "\ufffd\xff", "\xed\xa0\x80"} {
		err := c.SetValue(ctx, SetValueParams{Col: "c", Key: "bad", Value: text})
		if !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q: %v", text, err)
		}
	}
	entry, err := c.GetEntry(ctx, GetValueParams{Col: "c", Key: "bad"})
	must(t, err)
	same(t, "found", entry.Found, false)
}

func TestAPositionMakesAnotherClientSeeTheWrite(t *testing.T) {
	s := startServer(t)
	writer, reader, ctx := s.client(), s.client(), limited(t)
	same(t, "at first", writer.Position(), Position(""))
	must(t, writer.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: "v"}))
	position := writer.Position()
	if !strings.HasSuffix(string(position), ":1") {
		t.Errorf("position %q", position)
	}
	for _, seen := range []Position{position, "1"} {
		value, err := reader.GetValue(ctx, GetValueParams{Col: "c", Key: "k", MinSeq: seen})
		must(t, err)
		same(t, "value", value, "v")
	}
	_, err := reader.GetValue(ctx, GetValueParams{Col: "c", Key: "k", MinSeq: "another:1"})
	if !errors.Is(err, ErrCompacted) {
		t.Errorf("of another history: %v", err)
	}
}

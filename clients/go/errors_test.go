package fluxion

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Every method, by the permission it needs.
var methods = []struct {
	name  string
	needs string
	call  func(context.Context, *Client) error
}{
	{"InsertMultipleRecords", "write", func(ctx context.Context, c *Client) error {
		return c.InsertMultipleRecords(ctx, []Record{{TS: 1, Doc: "d", Data: "x", Col: "c"}})
	}},
	{"InsertSingleDocumentRecord", "write", func(ctx context.Context, c *Client) error {
		return c.InsertSingleDocumentRecord(ctx, Record{TS: 1, Doc: "d", Data: "x", Col: "c"})
	}},
	{"FetchCollections", "read", func(ctx context.Context, c *Client) error {
		return second(c.FetchCollections(ctx))
	}},
	{"FetchLatestRecords", "read", func(ctx context.Context, c *Client) error {
		return second(c.FetchLatestRecords(ctx, FetchLatestRecordsParams{Col: "c"}))
	}},
	{"FetchDocument", "read", func(ctx context.Context, c *Client) error {
		return second(c.FetchDocument(ctx, FetchRecordsParams{Col: "c", Doc: "d"}))
	}},
	{"DeleteDocument", "delete", func(ctx context.Context, c *Client) error {
		return c.DeleteDocument(ctx, DeleteDocumentParams{Doc: "d"})
	}},
	{"DeleteDocumentRecord", "delete", func(ctx context.Context, c *Client) error {
		return c.DeleteDocumentRecord(ctx, DeleteRecord{Col: "c", Doc: "d"})
	}},
	{"DeleteMultipleRecords", "delete", func(ctx context.Context, c *Client) error {
		return c.DeleteMultipleRecords(ctx, []DeleteRecord{{Col: "c", Doc: "d"}})
	}},
	{"DeleteRecordsRange", "delete", func(ctx context.Context, c *Client) error {
		return c.DeleteRecordsRange(ctx, DeleteRecordsRange{Col: "c", Doc: "d"})
	}},
	{"DeleteCollection", "delete", func(ctx context.Context, c *Client) error {
		return c.DeleteCollection(ctx, DeleteCollectionParams{Col: "c"})
	}},
	{"SetValue", "write", func(ctx context.Context, c *Client) error {
		return c.SetValue(ctx, SetValueParams{Col: "c", Key: "k", Value: "v"})
	}},
	{"GetValue", "read", func(ctx context.Context, c *Client) error {
		return second(c.GetValue(ctx, GetValueParams{Col: "c", Key: "k"}))
	}},
	{"GetEntry", "read", func(ctx context.Context, c *Client) error {
		return second(c.GetEntry(ctx, GetValueParams{Col: "c", Key: "k"}))
	}},
	{"GetValues", "read", func(ctx context.Context, c *Client) error {
		return second(c.GetValues(ctx, GetValuesParams{Col: "c"}))
	}},
	{"GetValues of a key", "read", func(ctx context.Context, c *Client) error {
		return second(c.GetValues(ctx, GetValuesParams{Col: "c", Key: Ptr("k")}))
	}},
	{"GetKeys", "read", func(ctx context.Context, c *Client) error {
		return second(c.GetKeys(ctx, CollectionParam{Col: "c"}))
	}},
	{"DeleteValue", "delete", func(ctx context.Context, c *Client) error {
		return c.DeleteValue(ctx, DeleteValueParams{Col: "c", Key: "k"})
	}},
	{"AddAPIKey", "master", func(ctx context.Context, c *Client) error {
		return second(c.AddAPIKey(ctx, "another-key-0123", ScopeReadonly))
	}},
	{"RemoveAPIKey", "master", func(ctx context.Context, c *Client) error {
		return second(c.RemoveAPIKey(ctx, "another-key-0123"))
	}},
	{"ListAPIKeys", "master", func(ctx context.Context, c *Client) error {
		return second(c.ListAPIKeys(ctx))
	}},
	{"GetConnections", "read", func(ctx context.Context, c *Client) error {
		return second(c.GetConnections(ctx))
	}},
}

func second[T any](_ T, err error) error { return err }

func TestScopes(t *testing.T) {
	s := startServer(t)
	master, ctx := s.client(), limited(t)
	for scope, may := range map[Scope]string{
		ScopeReadonly: "read", ScopeReadWrite: "read write",
		ScopeReadWriteDelete: "read write delete", ScopeMaster: "read write delete master",
	} {
		key := masterKey
		if scope != ScopeMaster {
			key = "a-key-of-scope-" + string(scope)
			must(t, second(master.AddAPIKey(ctx, key, scope)))
		}
		c := NewClient(s.url(), key)
		for _, method := range methods {
			err := method.call(ctx, c)
			if strings.Contains(may, method.needs) {
				if err != nil {
					t.Errorf("%s of %s: %v", scope, method.name, err)
				}
			} else if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s of %s: %v, want forbidden", scope, method.name, err)
			}
		}
		c.Close()
	}
}

func TestErrorCodes(t *testing.T) {
	c, ctx := startServer(t, "--max-collections", "2").client(), limited(t)
	long := strings.Repeat("n", 2000)
	for _, test := range []struct {
		code ErrorCode
		typ  string
		call func() error
	}{
		{ErrBadRequest, "ins", func() error { return c.InsertSingleDocumentRecord(ctx, Record{}) }},
		{ErrBadRequest, "qdoc", func() error {
			return second(c.FetchDocument(ctx, FetchRecordsParams{Col: "c", Doc: "d",
				From: Ptr(int64(2)), To: 1}))
		}},
		{ErrBadRegex, "qry", func() error {
			return second(c.FetchLatestRecords(ctx, FetchLatestRecordsParams{Col: "c", Doc: "/(/"}))
		}},
		{ErrNotFound, "keys", func() error {
			return second(c.RemoveAPIKey(ctx, "no-such-key-0123"))
		}},
		{ErrForbidden, "keys", func() error { return second(c.RemoveAPIKey(ctx, masterKey)) }},
		{ErrTooLarge, "sval", func() error {
			return c.SetValue(ctx, SetValueParams{Col: long, Key: "k"})
		}},
		{ErrTooMany, "ins", func() error {
			return c.InsertMultipleRecords(ctx, []Record{{Doc: "d", Data: "x", Col: "1"},
				{Doc: "d", Data: "x", Col: "2"}, {Doc: "d", Data: "x", Col: "3"}})
		}},
	} {
		err := fmt.Errorf("wrapped: %w", test.call())
		var said *Error
		if !errors.Is(err, test.code) || !errors.As(err, &said) {
			t.Errorf("%v, want %v", err, test.code)
			continue
		}
		if said.Code != test.code || said.Type != test.typ || said.Message == "" ||
			strings.Count(err.Error(), "fluxion: ") != 1 ||
			!strings.Contains(err.Error(), said.Message) {
			t.Errorf("%+v, want %s of %s", said, test.code, test.typ)
		}
		for _, other := range []error{ErrConflict, ErrInternal, ErrClosed, ErrConnectionLost} {
			if errors.Is(err, other) {
				t.Errorf("%v is %v", err, other)
			}
		}
	}
}

func TestAWrongKeyIsRefusedAndNotTriedAgain(t *testing.T) {
	through := startProxy(t, startServer(t).address())
	c, ctx := NewClient(through.url(), "wrong"), limited(t)
	defer c.Close()
	for attempt := 1; attempt <= 3; attempt++ {
		var err error
		if attempt == 1 {
			err = c.Connect(ctx)
		} else {
			err = second(c.FetchCollections(ctx))
		}
		var said *Error
		if !errors.Is(err, ErrUnauthorized) || !errors.As(err, &said) || said.Message == "" {
			t.Fatalf("%v", err)
		}
		c.ended.Wait() // whatever the client does by itself
		if len(through.arrivals) != attempt {
			t.Errorf("%d connections for %d calls", len(through.arrivals), attempt)
		}
	}
}

type loggerFunc func()

func (f loggerFunc) Printf(string, ...any) { f() }

// Between the last attempt and the end of trying, which is when its failure is logged.
func TestAConnectThatComesTooLateForTheLastAttemptReturns(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer web.Close()
	var c *Client
	var once sync.Once
	late := make(chan error, 1)
	c = newClient(t, "ws"+strings.TrimPrefix(web.URL, "http"), WithLogger(loggerFunc(func() {
		once.Do(func() {
			go func() { late <- c.Connect(limited(t)) }()
			for !strings.Contains(allStacks(), "[select]:\nfluxion/clients/go.(*Client).Connect") {
				runtime.Gosched()
			}
		})
	})))
	if err := second(c.FetchCollections(limited(t))); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("%v", err)
	}
	err := await(t, "the end of Connect", late)
	if !errors.Is(err, ErrUnauthorized) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestRefusalsOfTheHandshake(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	for _, test := range []struct {
		status int
		body   string
		want   error
		final  bool
	}{
		{404, `{"error":"nothing","code":"not_found"}`, ErrNotFound, true},
		{401, `from a proxy`, ErrUnauthorized, true},
		{503, `{"error":"full","code":"too_many"}`, ErrTooMany, false},
		{429, `slower`, nil, false},
		{307, ``, nil, true},
		{200, `hello`, nil, true},
	} {
		answer := func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != "Bearer "+masterKey {
				t.Errorf("Authorization: %q", got)
			}
			if strings.Contains(r.URL.String(), masterKey) || r.URL.Query().Get("name") != "a b" {
				t.Errorf("URL %s", r.URL)
			}
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
		}
		web := httptest.NewServer(http.HandlerFunc(answer))
		settings := defaults("ws"+strings.TrimPrefix(web.URL, "http"), masterKey)
		WithConnectionName("a b")(&settings)
		_, final, err := dial(limited(t), &settings)
		var said *Error
		if !errors.As(err, &said) || final != test.final || said.Message == "" {
			t.Errorf("%d: %v, final %v", test.status, err, final)
		}
		if test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%d: %v", test.status, err)
		}
		web.Close()
	}
}

func TestUnusableURLsAndKeys(t *testing.T) {
	for _, url := range []string{"", "localhost:8080", "http://localhost:8080", "ws://",
		"ws://a b/", "://"} {
		c := newClient(t, url)
		if err := second(c.GetConnections(limited(t))); err == nil ||
			errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %v", url, err)
		}
	}
	c := NewClient("ws://127.0.0.1:1", "from-a-file\n")
	defer c.Close()
	if err := second(c.GetConnections(limited(t))); err == nil ||
		!strings.Contains(err.Error(), "line end") || strings.Contains(err.Error(), "from-a-file") {
		t.Errorf("%v", err)
	}
}

func TestErrorsDoNotShowTheURL(t *testing.T) {
	for _, address := range []string{"ws://127.0.0.1:1", "ws://127.0.0.1:x", "http://127.0.0.1"} {
		err := newClient(t, address+"/?api-key=hidden").Connect(limited(t))
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v", err)
		}
	}
}

func TestAKeyOfAnyLetters(t *testing.T) {
	s, key := startServer(t), "schlüssel=0123/456+789 ключ"
	must(t, second(s.client().AddAPIKey(limited(t), key, ScopeReadonly)))
	c := NewClient(s.url(), key)
	defer c.Close()
	must(t, second(c.FetchCollections(limited(t))))
}

func TestTLS(t *testing.T) {
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	output, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=fluxion", "-addext",
		"subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, output)
	}
	s := startServer(t, "--tls-cert", certificate, "--tls-key", key)
	url := "wss://" + s.address()
	pem, err := os.ReadFile(certificate)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	trusting := newClient(t, url, WithTLSConfig(&tls.Config{RootCAs: roots}))
	must(t, trusting.SetValue(limited(t), SetValueParams{Col: "c", Key: "k", Value: "v"}))

	var unknown x509.UnknownAuthorityError
	if err := newClient(t, url).Connect(limited(t)); !errors.As(err, &unknown) {
		t.Errorf("an unknown certificate: %v", err)
	}
	if err := newClient(t, s.url()).Connect(limited(t)); err == nil {
		t.Error("connected without TLS")
	}
}

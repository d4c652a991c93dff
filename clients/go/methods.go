package fluxion

import (
	"context"
	"encoding/json"
	"fmt"
)

// Sends a request and reads its reply.
func ask[Reply any](ctx context.Context, c *Client, token string, payload any) (
	reply Reply, err error) {
	err = c.ask(ctx, &request{token: token}, payload, &reply)
	return reply, err
}

func (c *Client) ask(ctx context.Context, asked *request, payload, reply any) error {
	token := asked.token
	text, err := encode(payload)
	if err != nil {
		return &Error{Code: ErrBadRequest, Message: err.Error(), Type: token}
	}
	if most := c.settings.maxMessageBytes; most > 0 && len(text)+envelopeBytes(token) > most {
		return &Error{Code: ErrTooLarge, Type: token, Message: fmt.Sprintf(
			"the message is longer than %d bytes (WithMaxMessageBytes); send it in parts", most)}
	}
	asked.payload = text
	got := c.call(ctx, asked)
	if got.err != nil {
		return got.err
	}
	var said struct {
		Error *string   `json:"error"`
		Code  ErrorCode `json:"code"`
		Seq   int64     `json:"seq"`
	}
	if err := json.Unmarshal(got.reply, &said); err != nil {
		return fmt.Errorf("fluxion: %s: a reply that is not understood: %w", token, err)
	}
	if said.Error != nil {
		return refused(token, said.Code, *said.Error, got.reply)
	}
	if said.Seq > 0 && asked.feed == nil { // a write's
		c.reached(got.log, said.Seq)
	}
	if err := json.Unmarshal(got.reply, reply); err != nil {
		return fmt.Errorf("fluxion: %s: a reply that is not understood: %w", token, err)
	}
	return nil
}

// For replies of which only success matters.
func (c *Client) do(ctx context.Context, token string, payload any) error {
	_, err := ask[struct{}](ctx, c, token, payload)
	return err
}

func (c *Client) reached(log string, seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if log != c.log || seq > c.seq {
		c.log, c.seq, c.position = log, seq, positionOf(log, seq)
	}
}

// Position is that of the latest write of this client that was acknowledged, empty before. As
// MinSeq of another client's read it makes that read see the write.
func (c *Client) Position() Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.position
}

// InsertMultipleRecords inserts the records, all or none, and returns when they are durable. One
// with the same collection, document and timestamp is replaced. Texts must be valid UTF-8. Insert
// large amounts in pieces of, say, 10,000 records: see WithMaxMessageBytes.
func (c *Client) InsertMultipleRecords(ctx context.Context, records []Record) error {
	if records == nil {
		records = []Record{}
	}
	var reply InsReply
	asked := &request{token: "ins"}
	if c.settings.batchRecords > 0 {
		asked.records = len(records)
	}
	return c.ask(ctx, asked, records, &reply)
}

// InsertSingleDocumentRecord inserts one record.
func (c *Client) InsertSingleDocumentRecord(ctx context.Context, record Record) error {
	return c.InsertMultipleRecords(ctx, []Record{record})
}

// FetchCollections returns the names of all collections.
func (c *Client) FetchCollections(ctx context.Context) ([]string, error) {
	reply, err := ask[ColsReply](ctx, c, "cols", ColsRequest{})
	return reply.Collections, err
}

// FetchLatestRecords returns, by document, the latest record with a timestamp of at most TS, which
// is always sent: left out it is 0. For everything use math.MaxInt64.
func (c *Client) FetchLatestRecords(ctx context.Context, params FetchLatestRecordsParams) (
	map[string]RecordResponse, error) {
	reply, err := ask[QryReply](ctx, c, "qry", params)
	return reply.Records, err
}

// FetchDocument returns the records of one document with From <= TS <= To, oldest first unless
// Reverse. A From of nil is the beginning, which 0 is not where timestamps can be negative. To is
// always sent: left out it is 0. For everything use math.MaxInt64.
func (c *Client) FetchDocument(ctx context.Context, params FetchRecordsParams) (
	[]RecordResponse, error) {
	reply, err := ask[QdocReply](ctx, c, "qdoc", params)
	return reply.Records, err
}

// DeleteDocument deletes a document from one collection or, without Col, from all.
func (c *Client) DeleteDocument(ctx context.Context, params DeleteDocumentParams) error {
	return c.do(ctx, "ddoc", params)
}

// DeleteDocumentRecord deletes one record. As with all deletes, that there is none is no error.
func (c *Client) DeleteDocumentRecord(ctx context.Context, record DeleteRecord) error {
	return c.do(ctx, "drec", record)
}

// DeleteMultipleRecords deletes several records, of any documents.
func (c *Client) DeleteMultipleRecords(ctx context.Context, records []DeleteRecord) error {
	if records == nil {
		records = []DeleteRecord{}
	}
	return c.do(ctx, "dmrec", records)
}

// DeleteRecordsRange deletes the records with FromTS <= TS <= ToTS of a document.
func (c *Client) DeleteRecordsRange(ctx context.Context, params DeleteRecordsRange) error {
	return c.do(ctx, "drrng", params)
}

// DeleteCollection deletes a collection with its records and keys.
func (c *Client) DeleteCollection(ctx context.Context, params DeleteCollectionParams) error {
	return c.do(ctx, "dcol", params)
}

// GetValue returns the value of a key, empty when there is no such key.
func (c *Client) GetValue(ctx context.Context, params GetValueParams) (string, error) {
	entry, err := c.GetEntry(ctx, params)
	return entry.Value, err
}

// GetEntry returns the value of a key with its version, and whether there is such a key.
func (c *Client) GetEntry(ctx context.Context, params GetValueParams) (Entry, error) {
	return ask[GvalReply](ctx, c, "gval", params)
}

// GetValues returns the values of a collection by key: those that Key names, as a text or as a
// pattern /regex/flags, or all.
func (c *Client) GetValues(ctx context.Context, params GetValuesParams) (
	map[string]string, error) {
	if params.Key == nil || *params.Key == "" {
		reply, err := ask[GvalsReply](ctx, c, "gvals",
			GvalsRequest{Col: params.Col, MinSeq: params.MinSeq})
		return reply.Values, err
	}
	reply, err := ask[GvaluesReply](ctx, c, "gvalues",
		GvaluesRequest{Col: params.Col, Key: *params.Key, MinSeq: params.MinSeq})
	return reply.Values, err
}

// GetKeys returns the names of all keys of a collection.
func (c *Client) GetKeys(ctx context.Context, params CollectionParam) ([]string, error) {
	reply, err := ask[GkeysReply](ctx, c, "gkeys", params)
	return reply.Keys, err
}

// AddAPIKey adds a key, or changes the scope of one. This and the next two need the master key.
func (c *Client) AddAPIKey(ctx context.Context, key string, scope Scope) (
	ManageAPIKeyResponse, error) {
	return ask[KeysReply](ctx, c, "keys", KeysRequest{Action: "add", Key: key, Scope: scope})
}

// RemoveAPIKey removes a key and ends its connections. ErrNotFound if there is none.
func (c *Client) RemoveAPIKey(ctx context.Context, key string) (ManageAPIKeyResponse, error) {
	return ask[KeysReply](ctx, c, "keys", KeysRequest{Action: "remove", Key: key})
}

// ListAPIKeys returns all keys, shortened to the first 4 characters and 8 digits of a hash, and the
// master key as one that is not deletable.
func (c *Client) ListAPIKeys(ctx context.Context) ([]APIKeyInfo, error) {
	reply, err := ask[KeysReply](ctx, c, "keys", KeysRequest{Action: "list"})
	return reply.Keys, err
}

// GetConnections returns the connections that are open now; Since is milliseconds connected. A
// readonly key, too, sees the address and name of every connection.
func (c *Client) GetConnections(ctx context.Context) ([]ConnectionInfo, error) {
	reply, err := ask[ConnReply](ctx, c, "conn", ConnRequest{})
	return reply.Connections, err
}

package fluxion

// The names of the parameters and results of the methods. Each is another name of a generated type
// of protocol.go, where its fields stand.
type (
	// Record is InsRecord, with TS, Doc, Data, Col: a record to insert.
	Record = InsRecord
	// InsertMessageRequest is InsRecord, with TS, Doc, Data, Col: a record to insert, the same as
	// Record.
	InsertMessageRequest = InsRecord
	// RecordResponse is QryEntry, with TS, Data: a record that was read.
	RecordResponse = QryEntry
	// FetchLatestRecordsParams is QryRequest, with Col, TS, Doc, From, Where, Filter, MinSeq:
	// what FetchLatestRecords takes.
	FetchLatestRecordsParams = QryRequest
	// FetchRecordsParams is QdocRequest, with Col, Doc, From, To, Limit, Reverse, Where, Filter,
	// MinSeq: what FetchDocument takes.
	FetchRecordsParams = QdocRequest
	// DeleteDocumentParams is DdocRequest, with Doc, Col: what DeleteDocument takes.
	DeleteDocumentParams = DdocRequest
	// DeleteRecord is DrecRequest, with Col, Doc, TS: a record to delete.
	DeleteRecord = DrecRequest
	// DeleteRecordsRange is DrrngRequest, with Col, Doc, FromTS, ToTS: what DeleteRecordsRange
	// takes.
	DeleteRecordsRange = DrrngRequest
	// DeleteCollectionParams is DcolRequest, with Col: what DeleteCollection takes.
	DeleteCollectionParams = DcolRequest
	// SetValueParams is SvalRequest, with Col, Key, Value, Ver, TTL: what SetValue takes. Its options
	// are another way to say Ver and TTL, and win.
	SetValueParams = SvalRequest
	// GetValueParams is GvalRequest, with Col, Key, MinSeq: what GetValue and GetEntry take.
	GetValueParams = GvalRequest
	// DeleteValueParams is RvalRequest, with Col, Key, Ver: what DeleteValue takes.
	DeleteValueParams = RvalRequest
	// CollectionParam is GkeysRequest, with Col, MinSeq: what GetKeys takes.
	CollectionParam = GkeysRequest
	// Entry is GvalReply, with Value, Found, Ver, Expires: what GetEntry returns.
	Entry = GvalReply
	// ConnectionInfo is ConnEntry, with IP, Since, Name, Self: a connection, of GetConnections.
	ConnectionInfo = ConnEntry
	// APIKeyInfo is KeysEntry, with Key, Scope, Deletable, ID: a key, of ListAPIKeys.
	APIKeyInfo = KeysEntry
	// ManageAPIKeyResponse is KeysReply, with Status, Seq, Scope, Keys: what AddAPIKey and
	// RemoveAPIKey return.
	ManageAPIKeyResponse = KeysReply
	// ApiKeyScope is Scope: what a key may do.
	ApiKeyScope = Scope
)

// The scopes that AddAPIKey takes, under their other names.
const (
	ApiKeyScopeReadOnly        = ScopeReadonly
	ApiKeyScopeReadWrite       = ScopeReadWrite
	ApiKeyScopeReadWriteDelete = ScopeReadWriteDelete
)

// GetValuesParams asks for all values of a collection, or for those of Key.
type GetValuesParams struct {
	Col string
	// A key, or a pattern: /regex/flags. nil or empty: all.
	Key *string
	// Wait until this position is visible.
	MinSeq Position
}

// Ptr makes a pointer to a value, for fields that can be absent: From: fluxion.Ptr(int64(0)).
func Ptr[T any](value T) *T { return &value }

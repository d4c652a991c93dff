package fluxion

// The names of the parameters and results of the methods. Their fields stand in protocol.go.
type (
	Record                   = InsRecord
	InsertMessageRequest     = InsRecord
	RecordResponse           = QryEntry
	FetchLatestRecordsParams = QryRequest
	FetchRecordsParams       = QdocRequest
	DeleteDocumentParams     = DdocRequest
	DeleteRecord             = DrecRequest
	DeleteRecordsRange       = DrrngRequest
	DeleteCollectionParams   = DcolRequest
	SetValueParams           = SvalRequest
	GetValueParams           = GvalRequest
	DeleteValueParams        = RvalRequest
	CollectionParam          = GkeysRequest
	Entry                    = GvalReply
	ConnectionInfo           = ConnEntry
	APIKeyInfo               = KeysEntry
	ManageAPIKeyResponse     = KeysReply
	ApiKeyScope              = Scope
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

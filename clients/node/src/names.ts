/** Types under the names that programs of an existing client for this protocol import. */
import type { KeyScope } from "./client.js";
import type { Commands, ConnEntry, KeysEntry, Token } from "./protocol.js";

type Request<T extends Token> = Commands[T]["request"];
type Response<T extends Token> = { id: string } & Commands[T]["reply"];

export type InsertMessageRequest = Request<"ins">[number];
export type FetchLatestRecordsParams = Request<"qry">;
export type FetchRecordsParams = Request<"qdoc">;
export type DeleteDocumentParams = Request<"ddoc">;
export type DeleteCollectionParams = Request<"dcol">;
export type DeleteRecord = Request<"drec">;
export type DeleteRecordsRange = Request<"drrng">;
export type SetValueParams = Request<"sval">;
export type GetValueParams = Request<"gval">;
export type GetValuesParams = Request<"gvalues">;
export type DeleteValueParams = Request<"rval">;
export type CollectionParam = { col: string };
export type AddApiKeyParams = { key: string; scope: KeyScope };
export type RemoveApiKeyParams = { key: string };
export type ApiKeyScope = KeyScope;
export type ApiKeyEntry = KeysEntry;
export type ConnectionInfo = ConnEntry;

export type InsertMessageResponse = Response<"ins">;
export type QueryResponse = Response<"qry">;
export type QueryCollectionResponse = Response<"qdoc">;
export type CollectionsResponse = Response<"cols">;
export type KeyValueResponse = Response<"gval">;
export type KeyValueAllKeysResponse = Response<"gkeys">;
export type KeyValueAllValuesResponse = Response<"gvals">;
export type ManageApiKeyResponse = Response<"keys">;
export type ConnectionsResponse = Response<"conn">;

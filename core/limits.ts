/**
 * Every bound of the service in one place. Over a bound is an explicit error that names it, never a silent truncation.
 * Sizes of text are UTF-16 code units unless the name ends in `Bytes`.
 */
export const limits = {
  /** Source name, matched by {@link sourcePattern}. */
  sourceChars: 64,
  /** Document id as UTF-8, after percent-decoding. */
  documentIdBytes: 512,
  titleChars: 500,
  urlChars: 2_048,
  /** Document body as UTF-8. */
  bodyBytes: 2 * 1024 * 1024,
  /** Whole HTTP request body: the largest document, its JSON escapes and its metadata. */
  requestBytes: 8 * 1024 * 1024,
  /** Request bodies of one principal that are being received or worked on at the same time, bytes together. */
  bodyBytesInFlight: 64 * 1024 * 1024,
  /** Objects and arrays inside each other in a request body. */
  jsonDepth: 32,
  /** Values of a request body, nested ones included, as its commas and opening brackets count them: ten times what any body needs. */
  jsonValues: 50_000,
  /** Request body of /retrieve. */
  queryRequestBytes: 64 * 1024,
  /** Request body of a document's access alone: the longest list of the longest names, every character as a JSON escape. */
  accessRequestBytes: 2 * 1024 * 1024,
  /** Request body that says next to nothing: of `/disabled` and of a deletion. */
  smallRequestBytes: 1024,
  /** Request body of feedback: the longest id and comment, every character as a JSON escape. */
  feedbackRequestBytes: 16 * 1024,
  feedbackCommentChars: 1_000,
  /** Judgements of one retrieval, of all principals and documents together. */
  feedbackPerRetrieval: 500,
  aclEntries: 1_000,
  /** User, group, agent or role name, after NFC. */
  principalChars: 256,
  labels: 50,
  labelChars: 64,
  supersedes: 50,
  ownerChars: 256,
  queryChars: 2_000,
  /** Questions of one principal that are worked on at the same time; more wait for their turn. */
  retrievesAtOnce: 4,
  /** Shortest time that a question may be given, ms; the longest is the service's own deadline. */
  leastTimeoutMs: 10,
  topK: 50,
  maxTokens: 100_000,
  filterSources: 100,
  filterLabels: 50,
  /** Encoded token in the Authorization header. */
  tokenBytes: 16 * 1024,
  tokenGroups: 1_000,
  /** Actors in an `act` chain. */
  actors: 4,
  /** Principals of one caller after the role closure. */
  principals: 5_000,
  pageSize: 1_000,
  cursorChars: 2_048,
  /** A cursor of the list of feedback names a principal with its agents and a document, each as long as it may be. */
  feedbackCursorChars: 16 * 1024,
  /** Chunks of one document. More makes the document fail, visibly. */
  chunksPerDocument: 5_000,
  /** Nested elements of an HTML body. More makes the document fail, visibly: parsing would no longer be linear. */
  htmlDepth: 512,
  /** Elements of an HTML body, those included that unclosed formatting makes the parser repeat. */
  htmlElements: 200_000,
  /** Highest content version and revision: the largest integer that JSON readers agree on. */
  version: Number.MAX_SAFE_INTEGER,
  /** Embedding fingerprints that a shared ledger keeps account of at the same time: the active one, one to come, and some left over. */
  fingerprints: 16,
  policyBytes: 1024 * 1024,
  /** Files in the folder `calibration/` of a policy folder. */
  calibrationFiles: 100,
  /** Features of one calibration. */
  calibrationFeatures: 200,
  policyRules: 20_000,
  policyTestFiles: 100,
  policyTests: 2_000,
  /** Edges on the longest path of the role graph. */
  roleDepth: 9,
  /** Different paths that start at one principal of the role graph: Casbin walks all of them. */
  rolePaths: 1_000,
} as const;

/** Source names: one path segment, safe in a file name, a policy object and a URL. */
export const sourcePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Tenant names follow the same rule as sources. */
export const tenantPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Labels are lower case, so that `Confidential` and `confidential` cannot both exist. */
export const labelPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

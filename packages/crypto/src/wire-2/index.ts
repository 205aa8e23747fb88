export {
  createBhttpReader,
  type BhttpEvent,
  type BhttpLimits,
  type BhttpReader,
} from './bhttp/read.js'
export type { Field, RequestHead, ResponseHead } from './bhttp/fields.js'
export {
  createStreamedRequest,
  createStreamedResponse,
  createWholeResponse,
  encodeRequest,
  encodeRequestParts,
  encodeResponse,
  type StreamedRequestWriter,
  type StreamedResponseWriter,
  type WholeRequest,
  type WholeResponse,
  type WholeResponseWriter,
} from './bhttp/write.js'
export type { ReceiveLimits, SendLimits } from './chunks/limits.js'
export type { ChunkOpener } from './chunks/opener.js'
export type { ChunkSealer, Plaintext } from './chunks/sealer.js'
export type { HpkeSuite } from './hpke/key-schedule.js'
export type { Encapsulation, Kem, KemImplementation, KemName, KemPrivateKey } from './kem/kem.js'
export { loadClassicKem, loadHybridKem } from './kem/load.js'
export { generateIdentityKey, importIdentityKey, type IdentityKey } from './keys/identity.js'
export { encodeKeyList, parseKeyList, type KeyConfig } from './keys/key-list.js'
export { createRequestKey, type RequestKey } from './keys/request-key.js'
export {
  encodeStatement,
  parseKeyStatement,
  signStatement,
  type KeyStatement,
  type StatementContent,
} from './keys/statement.js'
export { answerVouch, createVouch, type Vouch } from './keys/vouch.js'
export { GATEWAY_PATH, MEDIA_TYPES, PROBLEM_TYPES } from './labels.js'
export { openRequest, type RequestOpener } from './message/open-request.js'
export { deriveRequestSecrets } from './message/request-secrets.js'
export {
  sealRequestParts,
  type MessageParts,
  type SealedRequestParts,
} from './message/seal-parts.js'
export type { RequestHeader } from './message/request-header.js'
export {
  sealRequest,
  startRequest,
  type RequestSealer,
  type SealedRequest,
} from './message/seal-request.js'

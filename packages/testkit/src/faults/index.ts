export { hang, reset, slowBody, truncated } from './connection.js'
export { otherRequest, reflected, replayed, tampered, wrongRecipient } from './envelope.js'
export { garbageKey, weakKey } from './server-key.js'
export { modelError, type ModelError } from './model-error.js'
export { rateLimited, redirect, status, unavailable } from './status.js'
export { compressedBomb, endless, oversized } from './oversized-body.js'
export {
  altered,
  expiredStatement,
  forgedStatement,
  otherClock,
  otherIdentity,
  sealedStatus,
  unknownRequestKey,
  withoutEnd,
} from './wire-2.js'
export { empty, html, plaintext, scalar } from './no-envelope.js'

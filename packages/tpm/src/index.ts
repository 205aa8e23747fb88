export type { Authorization, SendCommand, TpmCommand } from './wire/command.js'
export type { Credential } from './commands/activate-credential.js'
export { certify, type CertifyOptions } from './commands/certify.js'
export {
  createPrimary,
  type CreatePrimaryOptions,
  type LoadedObject,
} from './commands/create-primary.js'
export { evictControl, type EvictControlOptions } from './commands/evict-control.js'
export { flushContext } from './commands/flush-context.js'
export { pcrRead, type PcrValue } from './commands/pcr-read.js'
export { readPublic, type PublicObject } from './commands/read-public.js'
export type { SignedStatement } from './commands/quote.js'
export { TpmError, type TpmErrorCode } from './errors.js'
export {
  openCredential,
  readEndorsementKey,
  type OpenCredentialOptions,
} from './keys/endorsement-key.js'
export type { EphemeralKeyOptions } from './keys/ephemeral-key.js'
export { DEFAULT_AK_HANDLE, type PersistentKeyOptions } from './keys/persistent-key.js'
export { createQuoter, type Quote, type Quoter, type QuoterOptions } from './quoter.js'
export type { ResponseReader } from './wire/response-reader.js'
export { Tpm, type TpmOptions } from './tpm.js'
export { createTpmTransport } from './transports/create.js'
export type { TpmTransport } from './transports/transport.js'

export {
  loadKeyFile,
  loadKeyPair,
  loadOrCreateKeyPair,
  saveKeyPair,
  type LoadKeyFileOptions,
  type LoadKeyPairOptions,
  type LoadOrCreateKeyPairOptions,
} from './file-store.js'
export {
  decodeIdentityKey,
  encodeIdentityKey,
  loadIdentityKey,
  saveIdentityKey,
  type IdentityKeyOptions,
} from './identity-file.js'
export { readTrustedFile, type ReadTrustedFileOptions } from './trusted-file.js'

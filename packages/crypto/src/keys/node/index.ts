export {
  loadKeyFile,
  loadKeyPair,
  loadOrCreateKeyPair,
  saveKeyPair,
  type LoadKeyFileOptions,
  type LoadKeyPairOptions,
  type LoadOrCreateKeyPairOptions,
} from './file-store.js'
export { readTrustedFile, type ReadTrustedFileOptions } from './trusted-file.js'

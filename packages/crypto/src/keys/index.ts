export { exportPrivateKey, type ExportPrivateKeyOptions } from './export.js'
export { parsePin, verifyPin } from './fingerprint.js'
export { generateKeyPair, type GenerateKeyPairOptions } from './generate.js'
export { publicKeyFromHeader, publicKeyToHeader } from './header.js'
export {
  importPrivateKey,
  importPublicKey,
  type ImportPrivateKeyOptions,
  type ImportPublicKeyOptions,
} from './import.js'
export { KeyRing } from './key-ring.js'
export { importLegacyPrivateKey } from './legacy.js'
export type { KeyPair, PrivateKey, PublicKey } from '../suite.js'

// The formats of private keys. Always imported on demand, so that callers that read none load none of this code.
export { encryptPkcs8 } from './encrypted-pkcs8.js'
export { decryptLegacyPkcs8 } from './legacy-pkcs8.js'
export { readPkcs8Text, readPrivateKeyText } from './private-key-text.js'
export { importRsaPrivateKey } from '../wire-v1/rsa-pkcs8.js'

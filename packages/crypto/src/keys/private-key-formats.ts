// All formats of private keys but one bare block of PKCS#8. Always imported on demand, so that callers that have
// none of it load none of its code.
export { encryptPkcs8 } from './encrypted-pkcs8.js'
export { decryptLegacyPkcs8 } from './legacy-pkcs8.js'
export { readPrivateKeyText } from './private-key-text.js'

// What private keys come in beside bare PKCS#8. Always imported on demand, so that whoever has none of
// these loads none of their code.
export { pkcs8FromPkcs1 } from '../wire-v1/pkcs1.js'
export { decryptPkcs8, encryptPkcs8 } from './encrypted-pkcs8.js'
export { decryptLegacyPkcs8 } from './legacy-pkcs8.js'

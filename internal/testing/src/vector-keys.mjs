// Replaces the generation of RSA keys by the keys of the vectors, in turn: it takes seconds, and these are
// read in a millisecond. Imported by a test, or by a process with `--import`.
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const { files } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../data/nomyo/keys.json'), 'utf8'),
)
const { subtle } = globalThis.crypto
const algorithm = { name: 'RSA-OAEP', hash: 'SHA-256' }
const names = ['client', 'other']

const generateKey = subtle.generateKey.bind(subtle)

subtle.generateKey = async (wanted, ...rest) => {
  if (wanted?.name !== algorithm.name) return generateKey(wanted, ...rest)
  const name = names.shift()
  names.push(name)
  const der = Buffer.from(files[`keys/${name}.private.pem`].der, 'base64')
  const privateKey = await subtle.importKey('pkcs8', der, algorithm, true, ['decrypt'])
  const { kty, n, e } = await subtle.exportKey('jwk', privateKey)
  const publicKey = await subtle.importKey('jwk', { kty, n, e }, algorithm, true, ['encrypt'])
  return { privateKey, publicKey }
}

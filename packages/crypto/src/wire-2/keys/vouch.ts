import { platform } from '#crypto-platform'
import { wire2Platform } from '#wire-2-platform'
import { requireBytes } from '../../arguments.js'
import { type Bytes, isEqualInConstantTime, ownBytes, zeroize } from '../../bytes/bytes.js'
import { decodeBase64Text } from '../../bytes/decode-base64.js'
import { SecurityError } from '../../errors.js'
import { VOUCH_LABEL, VOUCH_TYPE, ascii, labelled } from '../labels.js'
import { hex } from './statement.js'
import { parseStrictObject } from './strict-json.js'

/** A question whether the holder of an RSA key stands behind a key statement. */
export interface Vouch {
  /** JSON to encrypt to the RSA key, as a wire v1.0 envelope; the caller zeroes it. */
  readonly request: Bytes
  /**
   * Returns whether the answer proves it. Works once: then the secret is zeroed.
   *
   * @throws SecurityError `ERR_PLAINTEXT_INVALID` for bytes that are no answer
   */
  readonly verify: (answer: Uint8Array) => Promise<boolean>
}

const SECRET_BYTES = 32
const MAX_BYTES = 4096

/**
 * Asks the holder of an RSA key to endorse a key statement. Only that holder can decrypt the secret of the
 * question, so a MAC under this secret is its answer.
 *
 * @param statement - the bytes of the statement
 * @example
 * ```ts
 * import { sealEnvelope, type PublicKey } from '@nomyo/crypto'
 * import { createVouch, type KeyStatement } from '@nomyo/crypto/wire-2'
 *
 * export async function ask(statement: KeyStatement, rsaKey: PublicKey) {
 *   const { request, verify } = await createVouch(statement.bytes)
 *   return { body: await sealEnvelope(request, rsaKey), verify }
 * }
 * ```
 */
export async function createVouch(statement: Uint8Array): Promise<Vouch> {
  requireBytes(statement, 'statement')
  const hash = await platform.sha256(ownBytes(statement))
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  const request = ascii(
    JSON.stringify({
      type: VOUCH_TYPE,
      secret: platform.encodeBase64(secret),
      statement_sha256: hex(hash),
    }),
  )
  let expected: Promise<Bytes> | undefined = Promise.resolve(await macOf(secret, hash))
  zeroize(secret)
  return {
    request,
    verify: async (answer) => {
      const taken = expected
      expected = undefined
      const mac = await taken
      if (mac === undefined) {
        throw new SecurityError('ERR_KEY_DISPOSED', 'The answer was read already.')
      }
      try {
        const { mac: text } = parseStrictObject(answer, MAX_BYTES, 'ERR_PLAINTEXT_INVALID')
        const received = typeof text === 'string' ? decodeBase64Text(text) : undefined
        if (received === undefined) throw notVouch()
        return isEqualInConstantTime(received, mac)
      } finally {
        zeroize(mac)
      }
    },
  }
}

/**
 * Answers such a question about the statement that is in force.
 *
 * @param request - the decrypted question; the caller zeroes it
 * @returns the answer, JSON; undefined where the question is about another statement
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`
 * @example
 * ```ts
 * import { openEnvelope, type KeyRing } from '@nomyo/crypto'
 * import { answerVouch } from '@nomyo/crypto/wire-2'
 *
 * export async function answer(body: Uint8Array, keys: KeyRing, statement: Uint8Array) {
 *   const { plaintext } = await openEnvelope(body, keys, { maxBytes: 4096 })
 *   return answerVouch(plaintext, statement)
 * }
 * ```
 */
export async function answerVouch(
  request: Uint8Array,
  statement: Uint8Array,
): Promise<Bytes | undefined> {
  requireBytes(statement, 'statement')
  const members = parseStrictObject(request, MAX_BYTES, 'ERR_PLAINTEXT_INVALID')
  const text = members['secret']
  const secret = typeof text === 'string' ? decodeBase64Text(text) : undefined
  try {
    if (members['type'] !== VOUCH_TYPE || secret?.length !== SECRET_BYTES) throw notVouch()
    const hash = await platform.sha256(ownBytes(statement))
    if (members['statement_sha256'] !== hex(hash)) return undefined
    return ascii(JSON.stringify({ mac: platform.encodeBase64(await macOf(secret, hash)) }))
  } finally {
    zeroize(secret)
  }
}

const macOf = async (secret: Bytes, hash: Uint8Array): Promise<Bytes> =>
  wire2Platform.hmacSha256(secret)(labelled(VOUCH_LABEL, hash))

const notVouch = (): SecurityError =>
  new SecurityError('ERR_PLAINTEXT_INVALID', 'The content is not well-formed.')

import { requireMember } from '../../arguments.js'
import type { Bytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { type ReceiveLimits, type SendLimits, checkedLimits } from '../chunks/limits.js'
import { type ChunkOpener, chunkOpener } from '../chunks/opener.js'
import {
  type ChunkSealer,
  type Plaintext,
  type WholeSealer,
  buffersOf,
  chunkSealer,
} from '../chunks/sealer.js'
import { join } from '../hpke/hkdf.js'
import type { HpkeSuite } from '../hpke/key-schedule.js'
import { AEAD_AES_256 } from '../labels.js'
import type { Encapsulation, Kem } from '../kem/kem.js'
import type { KeyConfig } from '../keys/key-list.js'
import { type AnswerSecret, answerSecret } from './answer-keys.js'
import { isSupported, writeHeader } from './request-header.js'
import { requestSecrets } from './request-secrets.js'

/** A request that is being encrypted, and the only opener of its answer. */
export interface RequestSealer extends ChunkSealer {
  /** The encapsulated secret: the bytes by which a gateway recognizes a replay. */
  readonly enc: Bytes
  /**
   * Begins to decrypt the answer.
   *
   * @throws SecurityError `ERR_ARGUMENT_INVALID`; `ERR_KEY_DISPOSED` at a second call
   */
  readonly openAnswer: (limits?: ReceiveLimits) => ChunkOpener
}

/** A whole request, encrypted. */
export interface SealedRequest extends Pick<RequestSealer, 'enc' | 'openAnswer' | 'dispose'> {
  /** The body to send. */
  readonly body: Bytes
}

/**
 * Begins to encrypt a request to a gateway's request key, under fresh secrets. The request key, the
 * algorithms and all chunks in their order are authenticated; the sender is not.
 *
 * @throws SecurityError `ERR_ENVELOPE_UNSUPPORTED` (no suite in common), `ERR_KEY_INVALID`,
 * `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { startRequest, type Kem, type KeyConfig } from '@nomyo/crypto/wire-2'
 *
 * export async function encrypt(kem: Kem, config: KeyConfig, parts: AsyncIterable<Uint8Array>) {
 *   const request = await startRequest(kem, config)
 *   const body = [request.head]
 *   for await (const part of parts) body.push(await request.seal(part))
 *   body.push(await request.seal(new Uint8Array(), { final: true }))
 *   return { body, answer: request.openAnswer() }
 * }
 * ```
 */
export function startRequest(
  kem: Kem,
  config: KeyConfig,
  limits: SendLimits = {},
): Promise<RequestSealer> {
  return begin(kem, config, limits)
}

async function begin(
  kem: Kem,
  config: KeyConfig,
  limits: SendLimits,
): Promise<RequestSealer & WholeSealer> {
  requireMember(kem, 'kem', 'encapsulate')
  requireMember(config, 'config', 'suites')
  const { maxChunk } = checkedLimits(limits)
  const suites = config.suites.filter(isSupported)
  const suite = suites.find(({ aeadId }) => aeadId === AEAD_AES_256) ?? suites[0]
  if (config.kemId !== kem.id || suite === undefined) throw noSuite()
  return sealerOf(
    writeHeader({ keyId: config.keyId, kemId: kem.id, ...suite }),
    { kemId: kem.id, ...suite },
    await kem.encapsulate(config.publicKey),
    maxChunk,
  )
}

/**
 * Encrypts a whole request.
 *
 * @param message - a Binary HTTP request, see `encodeRequest` and `encodeRequestParts`
 * @throws SecurityError the codes of {@link startRequest}
 * @example
 * ```ts
 * import { encodeRequest, sealRequest, type Kem, type KeyConfig } from '@nomyo/crypto/wire-2'
 *
 * export async function post(kem: Kem, config: KeyConfig, content: Uint8Array) {
 *   const message = encodeRequest({
 *     method: 'POST',
 *     scheme: 'https',
 *     authority: 'gateway.example',
 *     path: '/v1/chat/completions',
 *     fields: [['date', new Date().toUTCString()]],
 *     content,
 *   })
 *   const { body, openAnswer } = await sealRequest(kem, config, message)
 *   return { body, answer: openAnswer() }
 * }
 * ```
 */
export async function sealRequest(
  kem: Kem,
  config: KeyConfig,
  message: Plaintext,
  limits: SendLimits = {},
): Promise<SealedRequest> {
  // Before the work of encapsulation.
  const buffers = buffersOf(message)
  const { enc, sealWhole, openAnswer, dispose } = await begin(kem, config, limits)
  return { body: await sealWhole(buffers), enc, openAnswer, dispose }
}

/** Derives everything from an encapsulated secret, which it zeroes. */
export async function sealerOf(
  header: Bytes,
  suite: HpkeSuite,
  { enc, sharedSecret }: Encapsulation,
  maxChunk: number,
): Promise<RequestSealer & WholeSealer> {
  const secrets = await requestSecrets(suite, header, sharedSecret)
  const answer = answerSecret(suite, secrets.answer, enc)
  const sealer = chunkSealer(join(header, enc), secrets, { maxChunk })
  const openAnswer = once(answer)
  return {
    ...sealer,
    enc,
    openAnswer: (limits = {}) => openerOf(openAnswer, limits),
    dispose: () => {
      sealer.dispose()
      answer.dispose()
    },
  }
}

function openerOf(take: () => AnswerSecret, limits: ReceiveLimits): ChunkOpener {
  const checked = checkedLimits(limits)
  const answer = take()
  return chunkOpener({
    headBytes: () => answer.nonceBytes,
    keysOf: async (nonce) => {
      const keys = await answer.keys(nonce)
      answer.dispose()
      return keys
    },
    firstChunk: checked.maxChunk,
    ...checked,
  })
}

/** Returns a function that gives the secret out once. */
export function once(answer: AnswerSecret): () => AnswerSecret {
  let left: AnswerSecret | undefined = answer
  return () => {
    if (left === undefined) {
      throw new SecurityError('ERR_KEY_DISPOSED', 'The answer has begun already.')
    }
    const taken = left
    left = undefined
    return taken
  }
}

const noSuite = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_UNSUPPORTED', 'No suite in common.')

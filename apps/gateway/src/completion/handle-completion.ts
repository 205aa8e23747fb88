import {
  SecurityError,
  openEnvelope,
  sealJsonBytes,
  type KeyRing,
  type OpenedEnvelope,
  type PublicKey,
} from '@nomyo/crypto'
import type { Caller } from '../access/access-control.js'
import { freeBytes } from '../json/free-bytes.js'
import type { JsonBytes } from '../json/json-bytes.js'
import type { CompletionObservation } from '../observability/completion-record.js'
import type { CompletionTrace } from '../observability/tracing/tracer.js'
import { answerCompletion } from './answer-completion.js'
import type { AdmittedRequest, ServiceContext } from './service-context.js'
import { cannotBeOpened } from './request/json-request.js'
import type { Admission } from './load/load-shedder.js'
import { refuseReplay, type ReplayCache } from './replay/refuse.js'
import type { ReplyKeyCache } from './reply-key-cache.js'
import { invalidHeader, isPayloadId, parseSecurityTier } from './request-fields.js'
import { sealRefusals } from './seal-refusal.js'

/** Encrypted request of an admitted caller. */
export interface EncryptedRequest {
  /** Returns the envelope and forgets it, so that it is in memory for no longer than it is decrypted. */
  readonly takeBody: () => Uint8Array
  readonly admission: Admission
  readonly payloadId: string | undefined
  readonly publicKey: string | undefined
  readonly securityTier: string | undefined
  readonly caller: Caller
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
  /** Collects the facts of this request for logs and metrics. */
  readonly observation: CompletionObservation
  readonly trace: CompletionTrace
}

/** Services that answer requests of wire 1. */
export interface CompletionContext extends ServiceContext {
  readonly serverKeys: KeyRing
  readonly replyKeys: ReplyKeyCache
  readonly replayCache: ReplayCache
  /** Also decrypts the envelope form of nomyo-js 0.1. */
  readonly acceptLegacyTag?: boolean | undefined
  /**
   * Returns what answers state about wire 2, inside the encryption: clients notice when an attacker hides
   * that this gateway has it. Default: wire 2 is not served.
   */
  readonly wire2Offer?: (() => Wire2Offer | undefined) | undefined
}

/** Statement about wire 2 in an answer of wire 1. */
export interface Wire2Offer {
  /** Least wire that the gateway serves. */
  readonly min: '1.0' | '2'
  /** Hash of the key statement in effect, in lower-case hexadecimal digits. */
  readonly statement_sha256: string
}

/**
 * Answers a request of wire 1: check its headers, decrypt, refuse a replay, authorize, call the engine
 * and the TPM, encrypt the answer to the key of the caller. Plaintext exists between decryption and
 * encryption only.
 *
 * @returns the encrypted answer
 * @throws HttpError whose text reveals nothing of the plaintext; SealedRefusal with more for the caller
 */
export async function handleCompletion(
  request: EncryptedRequest,
  context: CompletionContext,
): Promise<Uint8Array> {
  const { observation } = request
  const settings = context.current()
  const payloadId = parsePayloadId(request.payloadId)
  const tier = (observation.tier = parseSecurityTier(request.securityTier))
  const replyKey = await parsePublicKey(request.publicKey, context.replyKeys)

  const { plaintext, replayId, tagIsAppended } = await openRequest(request, context)
  const decrypted = { ...request, settings, payloadId, tier, replyKey, tagIsAppended }
  try {
    await refuseReplay(context.replayCache, { payloadId, replayId }, request.caller.redisWait)
    return await sealRefusals(decrypted, async () => {
      const answer = await answerCompletion(
        { ...decrypted, plaintext, namesTier: tagIsAppended, metadata: metadataOf(context) },
        context,
      )
      return sealAnswer(answer, plaintext.length, decrypted, context)
    })
  } finally {
    plaintext.fill(0)
    freeBytes(plaintext)
  }
}

/** Decrypts an envelope when it is the turn of the caller. */
async function openRequest(
  request: EncryptedRequest,
  context: CompletionContext,
): Promise<OpenedEnvelope> {
  const { caller, signal, observation, admission } = request
  const body = request.takeBody()
  observation.bytesIn = body.length
  const endWait = observation.begin('queue')
  const opened = await context.loadShedder
    .decrypt(
      1,
      caller.id,
      () => {
        endWait()
        return decrypt(body, request, context)
      },
      signal,
    )
    .finally(() => {
      endWait()
      freeBytes(body)
    })
  admission.account({ plaintext: opened.plaintext.length })
  return opened
}

/** Facts of a request after decryption. */
interface DecryptedRequest extends AdmittedRequest {
  readonly replyKey: PublicKey
  /** True for the form of nomyo-js 0.1, which sends no header for its tier and reads no other form in answers. */
  readonly tagIsAppended: boolean
}

const metadataOf = ({ wire2Offer }: CompletionContext): Record<string, unknown> => ({
  wire: wire2Offer?.(),
})

async function decrypt(
  body: Uint8Array,
  { observation }: EncryptedRequest,
  context: CompletionContext,
): Promise<OpenedEnvelope> {
  try {
    return await observation.time('decrypt', () =>
      context.metrics.countDecryption(() =>
        openEnvelope(body, context.serverKeys, {
          maxBytes: context.maxBodyBytes,
          acceptAppendedTag: context.acceptLegacyTag === true,
        }),
      ),
    )
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    throw cannotBeOpened()
  }
}

async function sealAnswer(
  answer: JsonBytes,
  plaintextBytes: number,
  { caller, replyKey, tagIsAppended, admission, observation }: DecryptedRequest,
  { loadShedder }: CompletionContext,
): Promise<Uint8Array> {
  try {
    admission.account({ plaintext: plaintextBytes, answer: answer.byteLength })
    const envelope = await observation.time('encrypt', () =>
      loadShedder.encrypt(caller.id, answer.byteLength, () =>
        sealJsonBytes(answer.spans, replyKey, {
          processedAt: Math.floor(Date.now() / 1000),
          // A caller reads answers of the form that it sends.
          appendTag: tagIsAppended,
        }),
      ),
    )
    observation.bytesOut = envelope.length
    admission.account({ envelope: envelope.length })
    return envelope
  } finally {
    answer.dispose()
  }
}

function parsePayloadId(value: string | undefined): string {
  if (isPayloadId(value)) return value
  throw invalidHeader('X-Payload-ID must be 1 to 200 visible ASCII characters')
}

async function parsePublicKey(
  value: string | undefined,
  replyKeys: ReplyKeyCache,
): Promise<PublicKey> {
  if (value === undefined) throw invalidHeader('X-Public-Key is missing')
  try {
    return await replyKeys.read(value)
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    // The header may contain a private key by mistake: neither the refusal nor the log repeats it.
    throw invalidHeader(
      'X-Public-Key must be a percent-encoded PEM of an RSA key of 2048 to 8192 bits',
    )
  }
}

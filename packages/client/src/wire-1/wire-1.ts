import { platform } from '#platform'
import {
  SecurityError,
  generateKeyPair,
  sealEnvelope,
  type KeyPair,
  type PrivateKey,
} from '@nomyo/crypto'
import type { Call, ClientContext } from '../completion/call.js'
import type { SentRequest } from '../completion/receipt.js'
import type { ClientConfig } from '../config/options.js'
import type { ChatCompletion } from '../types/response.js'
import { ApiKeyProbe } from './api-key-probe.js'
import { attemptOnWire1, attestKey, type Wire1Context } from './attempt.js'
import { openResponse } from './open-response.js'
import { ReplyGuard } from './reply-guard.js'
import { ReplyKeyManager } from './reply-key-manager.js'
import { ServerKey } from './server-key.js'

/** Wire 1 of a client: its own keys, that of the server, and a memory of answers. */
export class Wire1 {
  readonly context: Wire1Context

  /** @param eager - creates the reply key now rather than when it is first needed */
  constructor(context: ClientContext, eager: boolean) {
    const { config, transport } = context
    this.context = {
      ...context,
      serverKey: new ServerKey(transport, config),
      apiKeyProbe: new ApiKeyProbe(transport, config.keyDir === undefined),
      replyGuard: new ReplyGuard(),
      replyKeys: new ReplyKeyManager({
        mode: config.replyKeys,
        rotationIntervalMs: config.keyRotationInterval,
        eager,
        first: firstKeyOf(config),
        next: () => generateKeyPair(),
        onRotationFailed: (error) => {
          const code = error instanceof SecurityError ? ` (${error.code})` : ''
          config.log.warn(`reply key rotation failed${code}; the previous key stays in use`)
        },
      }),
    }
  }

  /** Makes one attempt at a chat completion. */
  attempt(call: Call): Promise<ChatCompletion> {
    return attemptOnWire1(call, this.context)
  }

  /** Returns the server key, attested where the configuration requires that before sending. */
  async attestedKey(signal: AbortSignal): Promise<Omit<SentRequest, 'payload'>> {
    const serverKey = await this.context.serverKey.get(signal)
    return { serverKey, attested: await attestKey(serverKey, this.context, signal) }
  }

  /** Encrypts a payload to the server key. */
  async seal(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    return sealEnvelope(payload, (await this.attestedKey(signal)).serverKey)
  }

  /** Decrypts an answer, with all checks. */
  open(
    body: Uint8Array,
    payloadId: string,
    replyKey: PrivateKey,
    sent: SentRequest | undefined,
  ): Promise<ChatCompletion> {
    return openResponse({ body, payloadId, replyKey }, sent, this.context)
  }

  /** Generates a key pair in memory. */
  generateKeyPair(): Promise<KeyPair> {
    return generateKeyPair()
  }

  /** Disposes of all keys. Safe to call twice. */
  dispose(): void {
    this.context.replyKeys.dispose()
  }
}

function firstKeyOf({ keyDir, keyPassword, log }: ClientConfig): () => Promise<KeyPair> {
  const { keyFiles } = platform
  if (keyDir === undefined || keyFiles === undefined) return () => generateKeyPair()
  return () =>
    keyFiles.loadOrCreate(keyDir, keyPassword, (message) => {
      log.warn(message)
    })
}
